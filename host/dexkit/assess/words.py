"""The words of tests in each language: one file for a language, all with the same keys."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dexkit.errors import InputError

WORDS = Path(__file__).parent / "words"
PICTURES = Path(__file__).parent / "pictures"

#: Pictures for people who do not read or do not understand speech: what each of them shows.
PICTURE_NAMES = ("hand_left", "hand_right", "board", "buttons", "cup", "go", "stop", "again", "rest")


@dataclass(frozen=True)
class Words:
    """The words of one language.

    Parameters
    ----------
    code
        Two letters, the file's name: ``en``.
    text
        All words by their place, such as ``rules.off_table.question``.
    """

    code: str
    text: Mapping[str, str]

    def __getitem__(self, place: str) -> str:
        """Return the words at a place; raise InputError, one line, where the language lacks them."""
        if place not in self.text:
            raise InputError(
                f"The words {place!r} are missing in {self.code}.toml. Probably the file is of another "
                "version of dexkit. Add them, or choose another language."
            )
        return self.text[place]


def languages() -> tuple[str, ...]:
    """Return the codes of all languages, sorted."""
    return tuple(sorted(path.stem for path in WORDS.glob("*.toml")))


@cache
def load_words(code: str) -> Words:
    """Return the words of a language.

    Parameters
    ----------
    code
        Two letters: ``en``, ``de``.

    Raises
    ------
    InputError
        When there is no such language, or its file is damaged.
    """
    if code not in languages():
        raise InputError(
            f"There are no words in the language {code!r}. Known are: {', '.join(languages())}. Add one by "
            "translating words/en.toml."
        )
    return read_words(WORDS / f"{code}.toml")


def read_words(path: Path) -> Words:
    """Return the words of a file; raise InputError, one line, when it is damaged."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return Words(path.stem, dict(_places("", data)))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, TypeError) as error:
        raise InputError(
            f"The words in {path.name} cannot be read ({' '.join(str(error).split())}). Probably the file is "
            "damaged or was edited by hand. Put the original back, or mend that place."
        ) from None


def _places(where: str, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return all texts of a table with their places."""
    found = []
    for name, value in data.items():
        place = f"{where}.{name}" if where else name
        if isinstance(value, dict):
            found += _places(place, value)
        elif isinstance(value, str) and value.strip():
            found.append((place, value))
        else:
            raise TypeError(f"{place} is no text")
    return found


def picture(name: str) -> str:
    """Return a picture as SVG; raise InputError where there is none of that name."""
    if name not in PICTURE_NAMES:
        raise InputError(
            f"There is no picture {name!r}. Probably it is misspelt. Known are: {', '.join(PICTURE_NAMES)}."
        )
    return (PICTURES / f"{name}.svg").read_text(encoding="utf-8")
