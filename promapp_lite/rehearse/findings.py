"""The defects a rehearsal can name, with what each would do in Azure."""

MEANING = {
    "NoMatchIs404": "Test Connection fails: a search without a match must be 200 and empty.",
    "NotScim": "Test Connection fails: answers must be SCIM in JSON.",
    "FilterIgnored": "Entra would take a stranger for the person it looks for.",
    "FilterCaseSensitive": "A person whose user name changes its letter case is not found, then "
    "refused as a conflict, in every cycle.",
    "InactiveHidden": "A disabled person is not found, so a returning one becomes a conflict.",
    "DoubledObjects": "Entra stops with DuplicateTargetEntries.",
    "DuplicateAccepted": "Nothing keeps a retried request from making the same person twice.",
    "NotDeserializable": "Entra cannot read the resource and gives the object up.",
    "MembersNotExcluded": "Big groups become slow, and Entra may refuse the answer.",
    "StringFalseReadAsTrue": 'Leavers keep their access: Entra sends "active": "False".',
    "StringFalseRefused": 'Leavers keep their access: Entra sends "active": "False".',
    "RequestRefused": "Entra sends it so; the object fails in every cycle.",
    "DisableIgnored": "Leavers keep their access.",
    "DeleteIgnored": "Deleted people stay.",
    "AttributeLost": "The value never arrives, and is sent again in every evaluation.",
    "AttributeAltered": "The value is not given back as sent, and is sent again in every evaluation.",
    "MembersLost": "People lack what the group would give them.",
    "MembersKept": "People keep what the group no longer gives them.",
    "MembersDoubled": "A redundant add must change nothing.",
    "DeletedMembersKept": "A remark: Entra does not clean up after a deleted person.",
    "PagingBroken": "A client that reads the list page by page misses people.",
    "ListIncomplete": "A client that reads the list misses people.",
    "NotIdempotent": "Entra sends the same changes in every evaluation.",
    "ConflictMisnamed": "Entra reports something else than the EntryConflict it is.",
}
# Findings that are worth knowing but break nothing.
REMARKS = {
    "DeletedMembersKept",
    "MembersNotExcluded",
    "PagingBroken",
    "ListIncomplete",
    "FilterCaseSensitive",
    "ConflictMisnamed",
}
