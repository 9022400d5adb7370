//! Links in the table.

use super::operations::{DENIED, NOBODY, NOT_FOUND, PLAIN_JSON, TOO_LONG, UNAVAILABLE};
use super::{Access, Example, Group, Operation, Status};

pub(super) const LIST: Operation = Operation {
    id: "ListLinks",
    group: Group::Links,
    method: "GET",
    path: "/api/links",
    summary: "The links that one made",
    more: "For whoever runs the server: all. With the last openings of each; never with a secret.",
    query: &[],
    takes: &[],
    gives: &[PLAIN_JSON],
    statuses: LISTED,
    access: Access::Token,
    example: Example { query: "", arguments: "" },
};

pub(super) const MAKE: Operation = Operation {
    id: "MakeLink",
    group: Group::Links,
    method: "POST",
    path: "/api/links",
    summary: "Make a link to studies, or one by which images are sent",
    more: "kind share with studies (each a study and, if there are several, its custodian), or kind upload without; label; \
           days (1 to 30, else 7); uses (else as often as one likes); code (true for one that is chosen, false for none, or \
           the code itself). The answer has url and code this once.",
    query: &[],
    takes: &[PLAIN_JSON],
    gives: &[PLAIN_JSON],
    statuses: MADE,
    access: Access::Token,
    example: Example {
        query: "",
        arguments: "-H 'Content-Type: application/json' -d '{\"kind\":\"upload\",\"label\":\"Ward 3\"}'",
    },
};

pub(super) const WITHDRAW: Operation = Operation {
    id: "WithdrawLink",
    group: Group::Links,
    method: "DELETE",
    path: "/api/links/{link}",
    summary: "Withdraw a link",
    more: "Whoever has it open is shut out at the next request.",
    query: &[],
    takes: &[],
    gives: &[],
    statuses: WITHDRAWN,
    access: Access::Token,
    example: Example { query: "", arguments: "" },
};

const LISTED: &[Status] =
    &[Status(200, "All of them, the newest first."), NOBODY, DENIED, TOO_LONG, UNAVAILABLE];
const MADE: &[Status] = &[
    Status(201, "It is made; this is the only answer with its secrets."),
    Status(400, "It is no link that could be made; the answer says why."),
    NOBODY,
    DENIED,
    NOT_FOUND,
    Status(413, "The body has more than 64 KiB."),
    TOO_LONG,
    UNAVAILABLE,
];
const WITHDRAWN: &[Status] = &[
    Status(204, "It does not work any more."),
    NOBODY,
    DENIED,
    Status(404, "There is no such link, or it is somebody else's."),
    TOO_LONG,
    UNAVAILABLE,
];
