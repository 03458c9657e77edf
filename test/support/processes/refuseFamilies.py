"""Runs a command under a seccomp filter that refuses sockets of address families with EAFNOSUPPORT, as systemd's RestrictAddressFamilies= does."""
import ctypes, os, platform, struct, sys

NR_SOCKET = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
LD, JEQ, RET = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EAFNOSUPPORT = 97
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2

arch, socket = NR_SOCKET[platform.machine()]
families = [int(text) for text in sys.argv[1].split(",")]
rules = [(LD, 0, 0, 4), (JEQ, 1, 0, arch), (RET, 0, 0, ALLOW), (LD, 0, 0, 0), (JEQ, 1, 0, socket), (RET, 0, 0, ALLOW), (LD, 0, 0, 16)]
for family in families:
    rules += [(JEQ, 0, 1, family), (RET, 0, 0, ERRNO | EAFNOSUPPORT)]
rules.append((RET, 0, 0, ALLOW))
code = b"".join(struct.pack("HBBI", *rule) for rule in rules)
memory = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxP", len(rules), ctypes.addressof(memory))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.create_string_buffer(program), 0, 0):
    sys.exit(f"seccomp: errno {ctypes.get_errno()}")
os.execvp(sys.argv[2], sys.argv[2:])
