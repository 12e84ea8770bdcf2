"""Pseudonyms in the records: none is mixed up with another, and people of before are read."""

import pytest

from dexkit import store
from dexkit.assess.note import SIMULATED
from dexkit.errors import InputError
from dexkit.store import PersonFacts


@pytest.mark.parametrize(
    ("there", "like_it"), [("P-1", "p-1"), ("J\u00fcrgen", "Ju\u0308rgen"), ("STRASSE", "Stra\u00dfe")]
)
def test_a_pseudonym_that_could_be_mixed_up_is_refused(tmp_path, there, like_it):
    """Capitals and the coding of a letter make no other person; one's own may be changed in them."""
    with store.open(tmp_path) as records:
        person, other = (records.people.add(PersonFacts(name)).id for name in (there, "other"))
        for again in (
            lambda: records.people.add(PersonFacts(like_it)),
            lambda: records.people.change(other, PersonFacts(like_it)),
            lambda: records.people.add_all([(PersonFacts(name), "") for name in ("Q-1", "q-1")]),
        ):
            with pytest.raises(InputError, match=f"is too much like (Q-1|{there}), who is here") as error:
                again()
            assert "\n" not in str(error.value)
        assert {each.facts.pseudonym for each in records.people.search()} == {there, "other"}
        records.people.change(person, PersonFacts(like_it))
        assert records.people.find(like_it).id == person


def test_people_of_before_are_read_whatever_they_are_called(tmp_path, monkeypatch):
    with store.open(tmp_path) as records:
        with monkeypatch.context() as before:
            before.setattr(PersonFacts, "checked", lambda facts, this_year: facts)
            people = [records.people.add(PersonFacts(name)) for name in ("P-017", "P-017 ", SIMULATED)]
        records.people.add(PersonFacts("P-018"))
    with store.open(tmp_path) as records:
        assert [records.people.find(each.facts.pseudonym) for each in people] == people
        assert len(records.people.search()) == 4
        renamed = records.people.change(people[2].id, PersonFacts("P-019"))
        records.erase(people[1].id)
        assert [each.facts.pseudonym for each in records.people.search()] == ["P-017", "P-018", "P-019"]
        assert records.people.find("P-019") == renamed
