"""Runs a program under a seccomp filter that refuses single socket options with EPERM, as a sandbox or an old kernel would.

    refuse.py set:LEVEL:OPTION get:LEVEL:OPTION ... -- COMMAND ARG ...

The filter sees the arguments of setsockopt and getsockopt: the level and the option are plain integers.
"""
import ctypes
import os
import platform
import struct
import sys

NUMBERS = {"x86_64": {"set": 54, "get": 55}, "aarch64": {"set": 208, "get": 209}}[platform.machine()]
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ERRNO with EPERM
NUMBER_AT, ARGUMENTS_AT = 0, 16
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38


def line(operation, operand, holds=0, otherwise=0):
    return struct.pack("HBBI", operation, holds, otherwise, operand)


def program(rules):
    lines = []
    for call, level, option in rules:
        # Each test that fails goes to the next rule: past the lines that are left of this one.
        lines += [line(LOAD, NUMBER_AT), line(EQUAL, NUMBERS[call], 0, 5)]
        lines += [line(LOAD, ARGUMENTS_AT + 8), line(EQUAL, int(level), 0, 3)]
        lines += [line(LOAD, ARGUMENTS_AT + 16), line(EQUAL, int(option), 0, 1)]
        lines += [line(RETURN, REFUSE)]
    return lines + [line(RETURN, ALLOW)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("lines", ctypes.c_char_p)]


def main():
    end = sys.argv.index("--")
    lines = program([rule.split(":") for rule in sys.argv[1:end]])
    filter = Program(len(lines), b"".join(lines))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter), 0, 0)):
        if libc.prctl(*arguments) != 0:
            sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    os.execvp(sys.argv[end + 1], sys.argv[end + 1 :])


main()
