"""Runs a program on a pseudo-terminal as a shell would: in a job of its own, in the foreground. Standard library only.

python3 terminal.py WIDTH HEIGHT PROGRAM ARGS...
stdin: a JSON object a line, {"keys": "..."} or {"resize": [width, height]}. stdout: what the program wrote to the terminal.
stderr: a JSON object a line, {"pid"}, {"stopped"}, {"exit"}; the last two with "cooked": whether the terminal echoes and takes lines.
"""
import fcntl, json, os, pty, select, signal, struct, sys, termios

report = os.dup(2)


def tell(**event):
    os.write(report, (json.dumps(event) + '\n').encode())


def resize(fd, width, height):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', height, width, 0, 0))


def cooked():
    flags = termios.tcgetattr(0)[3]
    return bool(flags & termios.ICANON and flags & termios.ECHO)


def shell(command):
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    app = os.fork()
    if app == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execvp(command[0], command)
    tell(pid=app)
    while True:
        _, status = os.waitpid(app, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            tell(stopped=True, cooked=cooked())
        else:
            tell(exit=os.waitstatus_to_exitcode(status), cooked=cooked())
            os._exit(0)


width, height = int(sys.argv[1]), int(sys.argv[2])
leader, terminal = pty.fork()
if leader == 0:
    resize(0, width, height)
    shell(sys.argv[3:])
waiting = b''
sources = [terminal, 0]
while True:
    for fd in select.select(sources, [], [])[0]:
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b''
        if fd == terminal:
            if not data:
                os.waitpid(leader, 0)
                sys.exit(0)
            os.write(1, data)
        elif not data:
            sources.remove(0)
        else:
            *lines, waiting = (waiting + data).split(b'\n')
            for command in map(json.loads, lines):
                if 'keys' in command:
                    os.write(terminal, command['keys'].encode())
                else:
                    resize(terminal, *command['resize'])
