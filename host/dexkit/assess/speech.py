"""Says words aloud with the machine's own speech program, where there is one; nothing needs it."""

import contextlib
import shutil
import subprocess

#: Programs that say a text, and how each is told the language.
PROGRAMS = (("espeak-ng", "-v"), ("espeak", "-v"), ("say", ""))


class Speech:
    """A voice; silent where the machine has none.

    Parameters
    ----------
    language
        Two letters.
    """

    def __init__(self, language: str) -> None:
        self._command: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        for name, option in PROGRAMS:
            if path := shutil.which(name):
                self._command = [path, *([option, language] if option else [])]
                break

    def say(self, text: str) -> None:
        """Begin to say a text; what is still being said is broken off.

        Parameters
        ----------
        text
            Empty to be silent.
        """
        self.stop()
        if self._command and text:
            with contextlib.suppress(OSError):
                self._process = subprocess.Popen(
                    [*self._command, text],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )

    def stop(self) -> None:
        """Be silent."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None
