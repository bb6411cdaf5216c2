"""Targets with one seeded defect each: every one is found and called by its name."""

import pytest
from helpers.rehearse_target import Target, rehearsed, serving

from promapp_lite.rehearse import findings


def outcome_at(*defects, flag=False):
    """What a small rehearsal comes to at a target with these defects."""
    with serving(Target(*defects)) as url:
        return rehearsed(url, people=30, groups=10, flag=flag)


def test_a_sound_target_has_no_findings():
    """Nothing is found where nothing is wrong."""
    for flag in (False, True):
        outcome = outcome_at(flag=flag)
        assert outcome.job.findings == {}
        assert outcome.ok


def test_cleaning_up_is_looked_after():
    """A target that says deleted and keeps everything: what is left is named."""
    assert len(outcome_at("ignores-delete").left) > 20


DEFECTS = {
    "no-match-404": "NoMatchIs404",
    "ignores-filters": "FilterIgnored",
    "loses-members": "MembersLost",
    "false-is-true": "StringFalseReadAsTrue",
    "remove-wipes": "MembersLost",
    "doubles-members": "MembersDoubled",
    "hides-inactive": "InactiveHidden",
    "doubles": "DuplicateAccepted",
    "bare-manager": "NotDeserializable",
    "upper-mail": "AttributeAltered",
    "ignores-delete": "DeleteIgnored",
}


@pytest.mark.parametrize(("defect", "name"), DEFECTS.items())
def test_each_defect_is_named(defect, name):
    """The finding stands in the outcome with evidence, and the rehearsal is not OK."""
    outcome = outcome_at(defect)
    assert name in outcome.defects
    assert outcome.defects[name]
    assert not outcome.ok
    assert findings.MEANING[name]


@pytest.mark.parametrize(
    ("defect", "name"),
    [("members-always", "MembersNotExcluded"), ("case-sensitive", "FilterCaseSensitive")],
)
def test_remarks_break_nothing(defect, name):
    """What Entra can live with is told, and the rehearsal is OK all the same."""
    outcome = outcome_at(defect)
    assert name in outcome.job.findings
    assert outcome.ok


def test_with_the_flag_false_is_a_boolean():
    """The defect of reading "False" as true does not show with the flag: it is why it exists."""
    assert outcome_at("false-is-true", flag=True).ok


def test_every_finding_has_a_meaning():
    """Each name the code can note is explained, and none is explained in vain."""
    import re
    from pathlib import Path

    import promapp_lite.rehearse as room

    text = "".join(
        file.read_text("utf-8")
        for file in Path(room.__file__).parent.rglob("*.py")
        if file.name != "findings.py"
    )
    named = {name for name in re.findall(r'"([A-Z][A-Za-z0-9]+)"', text) if name in findings.MEANING}
    assert named == set(findings.MEANING)
    assert findings.REMARKS <= named
