//! What the codes of Postgres and PostgREST mean for another attempt.
//!
//! The rule: what the statement or its data did wrong stays wrong; what is wrong with the server,
//! its connections, its deployment or its clock is somebody else's to mend, and passes.
//! Codes and classes are those of Postgres 18 (appendix A) and PostgREST 14.

use crate::error::Code;
use crate::error::ErrorKind::{Permanent, Transient};

/// SQLSTATEs by class (two characters) and by code (five, which come before their class).
pub const SQLSTATES: &[Code] = &[
    ("03", Permanent, "the statement is not complete"),
    ("08", Transient, "the connection failed"),
    ("09", Permanent, "a trigger failed"),
    (
        "0A",
        Transient,
        "a plan that was cached does not fit a table that a deploy changed",
    ),
    (
        "0B",
        Transient,
        "the connection is in a transaction that somebody left open",
    ),
    ("0F", Permanent, "a large object is used wrongly"),
    ("0L", Permanent, "a grant comes from who may not grant"),
    ("0P", Permanent, "the role is not valid"),
    ("0Z", Permanent, "diagnostics are read outside a handler"),
    ("10", Permanent, "an XQuery is wrong"),
    ("20", Permanent, "a case has no branch for the value"),
    ("21", Permanent, "a subquery gave more rows than one"),
    ("22", Permanent, "the data are wrong"),
    ("23", Permanent, "the data break a constraint"),
    ("24", Transient, "the connection lost its cursor"),
    (
        "25",
        Transient,
        "the database is read-only, or the transaction took too long or was left failed",
    ),
    (
        "26",
        Transient,
        "a pooler gave the statement another connection than it was prepared on",
    ),
    ("27", Permanent, "a trigger changed the row that it is for"),
    (
        "28",
        Transient,
        "the database refuses the role or its password, as while a key is rotated",
    ),
    ("2B", Permanent, "privileges depend on what is taken away"),
    ("2D", Permanent, "a function ends its transaction"),
    ("2F", Permanent, "an SQL function is wrong"),
    ("34", Transient, "the connection lost its cursor"),
    ("38", Permanent, "an external function failed"),
    ("39", Permanent, "an external function was called wrongly"),
    ("3B", Permanent, "there is no such savepoint"),
    (
        "3D",
        Transient,
        "the database is not there, as during a restore",
    ),
    ("3F", Permanent, "there is no such schema"),
    ("40", Transient, "the transaction lost a race"),
    (
        "42P05",
        Transient,
        "a pooler gave the statement a connection on which it was prepared before",
    ),
    ("42", Permanent, "the statement is wrong, or not allowed"),
    ("44", Permanent, "the row is outside its view"),
    (
        "53",
        Transient,
        "the server lacks memory, disk or connections",
    ),
    (
        "54",
        Permanent,
        "the statement is beyond what Postgres takes",
    ),
    (
        "55",
        Transient,
        "the object is in use, or not in the state for it yet",
    ),
    (
        "57",
        Transient,
        "the statement was cancelled, or the server shuts down",
    ),
    ("58", Transient, "the server's disk or system failed"),
    ("72", Transient, "the snapshot is too old"),
    ("F0", Transient, "the server's configuration is wrong"),
    ("HV", Transient, "a foreign server failed"),
    ("P0", Permanent, "a function says that it cannot be done"),
    ("XX", Transient, "the server failed by itself"),
];

/// PostgREST's codes by their group, and those that are unlike their group, which come first.
pub const PGRST: &[Code] = &[
    ("PGRST0", Transient, "no connection to the database"),
    ("PGRST111", Transient, "a setting of the response is wrong"),
    ("PGRST112", Transient, "a setting of the response is wrong"),
    ("PGRST1", Permanent, "the request is wrong"),
    ("PGRST201", Permanent, "the relationship is ambiguous"),
    ("PGRST203", Permanent, "the function is ambiguous"),
    (
        "PGRST2",
        Transient,
        "the schema cache is older than the deploy, and is being read anew",
    ),
    (
        "PGRST3",
        Transient,
        "the key or the clock it is checked against is wrong: \"JWT issued at future\"",
    ),
    ("PGRSTX", Transient, "PostgREST failed by itself"),
];

/// The entry of a code of Postgres or PostgREST; the longest name that begins it.
pub fn entry(code: &str) -> Option<&'static Code> {
    let table = if code.starts_with("PGRST") {
        PGRST
    } else if is_sqlstate(code) {
        SQLSTATES
    } else {
        return None;
    };
    table
        .iter()
        .filter(|(name, _, _)| code.starts_with(name))
        .max_by_key(|(name, _, _)| name.len())
}

/// Five digits and capitals with a digit among them, which no word of another service is.
pub fn is_sqlstate(code: &str) -> bool {
    code.len() == 5
        && code
            .bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        && code.bytes().any(|b| b.is_ascii_digit())
}
