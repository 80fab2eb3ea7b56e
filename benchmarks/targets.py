"""Small machines: compile a C file of one function of an integer code, run its self-test, count bytes and cycles.

Needs Debian's gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-user for ARM, gcc-avr, avr-libc and simavr for AVR.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

AVR_PROGRAM = r"""
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <stdio.h>
#define main self_test
#include "FILE"
#undef main

static int put(char c, FILE *stream)
{
    (void)stream;
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    UDR0 = (uint8_t)c;
    return 0;
}

int main(void)
{
    static FILE out = FDEV_SETUP_STREAM(put, NULL, _FDEV_SETUP_WRITE);
    volatile RESULT result;
    uint16_t least = 65535, most = 0, code = 0, i;

    UCSR0B = 1 << TXEN0;
    stdout = &out;
    TCCR1B = 1; /* counts cycles */
    for (i = 0; i < 512; ++i, code += LAST / 511u) {
        const ARGUMENT x = EXPRESSION;
        uint16_t before, took;
        cli(); /* nothing between the two readings but the call */
        before = TCNT1;
        result = NAME(x);
        took = TCNT1 - before;
        least = took < least ? took : least;
        most = took > most ? took : most;
    }
    (void)result;
    printf("cycles %u %u\n", least, most);
    printf("failures %d\n", self_test());
    cli();
    sleep_cpu();
    for (;;) {
    }
}
"""
CALL = '#include "FILE"\nRESULT called(ARGUMENT x);\nRESULT called(ARGUMENT x)\n{\n    return NAME(x);\n}\n'
SIGNATURE = re.compile(r"static inline (\w+) \w+\((\w+) x\);")


@dataclass(frozen=True)
class Report:
    """What a machine says: failures of the self-test, bytes of code and tables, of stack, and cycles of a call."""

    failures: int
    n_bytes: int
    stack: int
    cycles: tuple[int, int] | None = None


@dataclass(frozen=True)
class Target:
    """A compiler, its options, and what runs its programs; an empty simulator is this machine."""

    compiler: str
    size: str
    options: tuple[str, ...]
    to_run: tuple[str, ...] = ()
    simulator: tuple[str, ...] = ()

    def missing(self) -> str:
        """The first program that is not there."""
        programs = (self.compiler, self.size, *self.simulator[:1])
        return next((program for program in programs if shutil.which(program) is None), "")

    def run(self, header: Path, name: str, last: int, expression: str = "code") -> Report:
        """Compile a header that has all, run its self-test, and measure; cycles at codes up to `last`.

        The argument of a code is given as an expression.
        """
        with tempfile.TemporaryDirectory() as folder:
            measured = self._measured(header, name, Path(folder))
            if self.size != "avr-size":
                return Report(*measured)
            return self._on_avr(header, name, last, expression, Path(folder), measured)

    def _compiled(self, source: Path, *options: str) -> None:
        subprocess.run(
            [self.compiler, *self.options, *options, source], check=True, cwd=source.parent, capture_output=True
        )

    def _measured(self, header: Path, name: str, folder: Path) -> tuple[int, int, int]:
        source = folder / "called.c"
        source.write_text(_filled(CALL, header, name))
        self._compiled(source, "-Os", "-c", "-fstack-usage", "-o", "called.o")
        size = subprocess.run([self.size, folder / "called.o"], capture_output=True, text=True, check=True).stdout
        text, data = map(int, size.splitlines()[1].split()[:2])
        stack = max(int(line.split("\t")[1]) for line in (folder / "called.su").read_text().splitlines())
        failures = 0 if self.size == "avr-size" else self._exit_code(header, folder)
        return failures, text + data, stack

    def _exit_code(self, header: Path, folder: Path) -> int:
        source = folder / "test.c"
        source.write_text(f'#include "{header.resolve()}"\n')
        self._compiled(source, "-Os", *self.to_run, "-DRELUCTANT_SELF_TEST", "-o", "test")
        return subprocess.run([*self.simulator, folder / "test"], timeout=120).returncode

    def _on_avr(
        self, header: Path, name: str, last: int, expression: str, folder: Path, measured: tuple[int, int, int]
    ) -> Report:
        source = folder / "avr.c"
        source.write_text(
            _filled(AVR_PROGRAM, header, name).replace("LAST", str(last)).replace("EXPRESSION", expression)
        )
        self._compiled(source, "-Os", "-DRELUCTANT_SELF_TEST", "-o", "avr.elf")
        command = [*self.simulator, folder / "avr.elf"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        words = said.stdout + said.stderr
        least, most = map(int, re.search(r"cycles (\d+) (\d+)", words).groups())
        failures = int(re.search(r"failures (-?\d+)", words)[1])
        return Report(failures, *measured[1:], (least, most))


def _filled(text: str, header: Path, name: str) -> str:
    result, argument = SIGNATURE.search(header.read_text()).groups()
    filled = text.replace("FILE", str(header.resolve()), 1).replace("NAME", name)
    return filled.replace("RESULT", result).replace("ARGUMENT", argument)


TARGETS = {
    "x86-64": Target("gcc", "size", ("-std=c99",)),
    "ARM": Target(
        "arm-none-eabi-gcc",
        "arm-none-eabi-size",
        (
            "-std=c99",
            "-mthumb",
            "-mcpu=arm926ej-s",
        ),  # of the cores that qemu-arm runs with newlib, one with the Thumb of an M0
        ("--specs=rdimon.specs",),
        ("qemu-arm",),
    ),
    "AVR": Target(
        "avr-gcc", "avr-size", ("-std=gnu99", "-mmcu=atmega328p"), (), ("simavr", "-m", "atmega328p", "-f", "16000000")
    ),
}
"""x86-64 is this machine, where it is one."""
