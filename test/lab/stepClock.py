"""Steps CLOCK_REALTIME of this machine for some seconds, and puts it back by CLOCK_MONOTONIC.

stepClock.py STEP_S HOLD_S

Two processes can put it back: this one, and a watchdog in a session of its own, which does so when this one was killed. Both hold out
against every signal that can be caught. Prints "stepped" and "back" as it goes; exits 1 when the clock cannot be set: then nothing has changed.
It sets the clock twice and not once more: even to set it to what it is would be a step of some microseconds.
"""

import os
import signal
import sys
import time

MOST_HOLD_S = 10.0
# The watchdog waits for so much longer, and leaves a clock alone that is right to this.
MARGIN_S = 1.0
RIGHT_S = 0.2

step_s, hold_s = float(sys.argv[1]), float(sys.argv[2])
if not 0 < hold_s <= MOST_HOLD_S:
    sys.exit(f"found {hold_s} s, expected more than 0 and at most {MOST_HOLD_S} s")

for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGQUIT):
    signal.signal(name, signal.SIG_IGN)

base_wall = time.clock_gettime(time.CLOCK_REALTIME)
base_monotonic = time.clock_gettime(time.CLOCK_MONOTONIC)


def right():
    return base_wall + time.clock_gettime(time.CLOCK_MONOTONIC) - base_monotonic


def put_back():
    time.clock_settime(time.CLOCK_REALTIME, right())


if os.fork() == 0:
    os.setsid()
    time.sleep(hold_s + MARGIN_S)
    if abs(time.clock_gettime(time.CLOCK_REALTIME) - right()) > RIGHT_S:
        put_back()
    os._exit(0)

try:
    time.clock_settime(time.CLOCK_REALTIME, right() + step_s)
except OSError as error:
    sys.exit(f"the clock cannot be set: {error}")

try:
    os.write(1, b"stepped\n")
    time.sleep(hold_s)
finally:
    put_back()
os.write(1, b"back\n")
