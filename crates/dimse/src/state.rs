//! The association state machine of PS3.8 Table 9-10, kept as the table it is, with the Standard's labels.
//!
//! [`step`] is the table and nothing else: what an action does is in `machine.rs`.

use Action::*;
use Event::*;
use State::*;

/// A state of PS3.8 Tables 9-1 to 9-5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Idle.
    Sta1,
    /// Transport connection open, awaiting A-ASSOCIATE-RQ.
    Sta2,
    /// Awaiting the local A-ASSOCIATE response.
    Sta3,
    /// Awaiting the transport connection to open.
    Sta4,
    /// Awaiting A-ASSOCIATE-AC or -RJ.
    Sta5,
    /// Association established, ready for data.
    Sta6,
    /// Awaiting A-RELEASE-RP.
    Sta7,
    /// Awaiting the local A-RELEASE response.
    Sta8,
    /// Release collision, requestor: awaiting the local A-RELEASE response.
    Sta9,
    /// Release collision, acceptor: awaiting A-RELEASE-RP.
    Sta10,
    /// Release collision, requestor: awaiting A-RELEASE-RP.
    Sta11,
    /// Release collision, acceptor: awaiting the local A-RELEASE response.
    Sta12,
    /// Awaiting the transport connection to close.
    Sta13,
}

/// An event of PS3.8 Table 9-10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A-ASSOCIATE request (local user).
    Evt1,
    /// Transport connection confirmed.
    Evt2,
    /// A-ASSOCIATE-AC received.
    Evt3,
    /// A-ASSOCIATE-RJ received.
    Evt4,
    /// Transport connection indicated.
    Evt5,
    /// A-ASSOCIATE-RQ received.
    Evt6,
    /// A-ASSOCIATE response: accept (local user).
    Evt7,
    /// A-ASSOCIATE response: reject (local user).
    Evt8,
    /// P-DATA request (local user).
    Evt9,
    /// P-DATA-TF received.
    Evt10,
    /// A-RELEASE request (local user).
    Evt11,
    /// A-RELEASE-RQ received.
    Evt12,
    /// A-RELEASE-RP received.
    Evt13,
    /// A-RELEASE response (local user).
    Evt14,
    /// A-ABORT request (local user).
    Evt15,
    /// A-ABORT received.
    Evt16,
    /// Transport connection closed.
    Evt17,
    /// ARTIM expired.
    Evt18,
    /// Unrecognised or invalid PDU received.
    Evt19,
}

/// An action of PS3.8 Tables 9-6 to 9-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Open the transport connection.
    Ae1,
    /// Send A-ASSOCIATE-RQ.
    Ae2,
    /// Confirm the association (accepted).
    Ae3,
    /// Confirm the association (rejected), close the connection.
    Ae4,
    /// Answer the connection, start ARTIM.
    Ae5,
    /// Stop ARTIM; indicate the association, or send A-ASSOCIATE-RJ and start ARTIM.
    Ae6,
    /// Send A-ASSOCIATE-AC.
    Ae7,
    /// Send A-ASSOCIATE-RJ, start ARTIM.
    Ae8,
    /// Send P-DATA-TF.
    Dt1,
    /// Indicate P-DATA.
    Dt2,
    /// Send A-RELEASE-RQ.
    Ar1,
    /// Indicate the release.
    Ar2,
    /// Confirm the release, close the connection.
    Ar3,
    /// Send A-RELEASE-RP, start ARTIM.
    Ar4,
    /// Stop ARTIM.
    Ar5,
    /// Indicate P-DATA while a release is under way.
    Ar6,
    /// Send P-DATA-TF while a release is under way.
    Ar7,
    /// Indicate the release (collision).
    Ar8,
    /// Send A-RELEASE-RP (collision, requestor).
    Ar9,
    /// Confirm the release (collision, acceptor).
    Ar10,
    /// Send A-ABORT, (re)start ARTIM.
    Aa1,
    /// Stop ARTIM, close the connection.
    Aa2,
    /// Indicate the peer's abort, close the connection.
    Aa3,
    /// Indicate A-P-ABORT: the connection is gone.
    Aa4,
    /// Stop ARTIM: the connection is gone.
    Aa5,
    /// Ignore the PDU.
    Aa6,
    /// Send A-ABORT.
    Aa7,
    /// Send A-ABORT (provider), indicate A-P-ABORT, start ARTIM.
    Aa8,
}

/// Which end of the association this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that asked for the association.
    Requestor,
    /// The end that was asked.
    Acceptor,
}

/// PS3.8 Table 9-10. `None` where the table is blank: such an event cannot happen in that state.
///
/// Two cells name two next states. AE-6 leads to Sta13 when the provider itself refuses the request; the table gives
/// Sta3, and [`crate::Association`] rejects from there by AE-8: the same PDU, the same state. AR-8 depends on the role.
pub const fn step(state: State, event: Event, role: Role) -> Option<(Action, State)> {
    let next = match (state, event) {
        // Association establishment.
        (Sta1, Evt1) => (Ae1, Sta4),
        (Sta4, Evt2) => (Ae2, Sta5),
        (Sta5, Evt3) => (Ae3, Sta6),
        (Sta5, Evt4) => (Ae4, Sta1),
        (Sta1, Evt5) => (Ae5, Sta2),
        (Sta2, Evt6) => (Ae6, Sta3),
        (Sta3, Evt7) => (Ae7, Sta6),
        (Sta3, Evt8) => (Ae8, Sta13),
        // Data.
        (Sta6, Evt9) => (Dt1, Sta6),
        (Sta8, Evt9) => (Ar7, Sta8),
        (Sta6, Evt10) => (Dt2, Sta6),
        (Sta7, Evt10) => (Ar6, Sta7),
        // Release.
        (Sta6, Evt11) => (Ar1, Sta7),
        (Sta6, Evt12) => (Ar2, Sta8),
        (Sta7, Evt12) => match role {
            Role::Requestor => (Ar8, Sta9),
            Role::Acceptor => (Ar8, Sta10),
        },
        (Sta7 | Sta11, Evt13) => (Ar3, Sta1),
        (Sta10, Evt13) => (Ar10, Sta12),
        (Sta8 | Sta12, Evt14) => (Ar4, Sta13),
        (Sta9, Evt14) => (Ar9, Sta11),
        // Abort by the local user.
        (Sta3 | Sta5 | Sta6 | Sta7 | Sta8 | Sta9 | Sta10 | Sta11 | Sta12, Evt15) => (Aa1, Sta13),
        (Sta4, Evt15) => (Aa2, Sta1),
        // Abort by the peer.
        (Sta2 | Sta13, Evt16) => (Aa2, Sta1),
        (Sta3 | Sta5 | Sta6 | Sta7 | Sta8 | Sta9 | Sta10 | Sta11 | Sta12, Evt16) => (Aa3, Sta1),
        // The connection is gone.
        (Sta2, Evt17) => (Aa5, Sta1),
        (Sta3 | Sta4 | Sta5 | Sta6 | Sta7 | Sta8 | Sta9 | Sta10 | Sta11 | Sta12, Evt17) => (Aa4, Sta1),
        (Sta13, Evt17) => (Ar5, Sta1),
        // ARTIM runs in two states only.
        (Sta2 | Sta13, Evt18) => (Aa2, Sta1),
        // A PDU that has no place here.
        (Sta2, Evt3 | Evt4 | Evt10 | Evt12 | Evt13 | Evt19) => (Aa1, Sta13),
        (Sta13, Evt3 | Evt4 | Evt10 | Evt12 | Evt13) => (Aa6, Sta13),
        (Sta13, Evt6 | Evt19) => (Aa7, Sta13),
        (
            Sta3 | Sta5 | Sta6 | Sta7 | Sta8 | Sta9 | Sta10 | Sta11 | Sta12,
            Evt3 | Evt4 | Evt6 | Evt10 | Evt12 | Evt13 | Evt19,
        ) => (Aa8, Sta13),
        _ => return None,
    };
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 13] =
        [Sta1, Sta2, Sta3, Sta4, Sta5, Sta6, Sta7, Sta8, Sta9, Sta10, Sta11, Sta12, Sta13];
    const EVENTS: [Event; 19] = [
        Evt1, Evt2, Evt3, Evt4, Evt5, Evt6, Evt7, Evt8, Evt9, Evt10, Evt11, Evt12, Evt13, Evt14, Evt15,
        Evt16, Evt17, Evt18, Evt19,
    ];

    /// Table 9-10 as printed: a row for each event, a column for each state; `9/10` is requestor/acceptor.
    #[rustfmt::skip]
    const PRINTED: [&str; 19] = [
        // Sta1   Sta2     Sta3     Sta4    Sta5     Sta6     Sta7        Sta8     Sta9     Sta10    Sta11    Sta12    Sta13
        "  AE1>4  -        -        -       -        -        -           -        -        -        -        -        -",
        "  -      -        -        AE2>5   -        -        -           -        -        -        -        -        -",
        "  -      AA1>13   AA8>13   -       AE3>6    AA8>13   AA8>13      AA8>13   AA8>13   AA8>13   AA8>13   AA8>13   AA6>13",
        "  -      AA1>13   AA8>13   -       AE4>1    AA8>13   AA8>13      AA8>13   AA8>13   AA8>13   AA8>13   AA8>13   AA6>13",
        "  AE5>2  -        -        -       -        -        -           -        -        -        -        -        -",
        "  -      AE6>3    AA8>13   -       AA8>13   AA8>13   AA8>13      AA8>13   AA8>13   AA8>13   AA8>13   AA8>13   AA7>13",
        "  -      -        AE7>6    -       -        -        -           -        -        -        -        -        -",
        "  -      -        AE8>13   -       -        -        -           -        -        -        -        -        -",
        "  -      -        -        -       -        DT1>6    -           AR7>8    -        -        -        -        -",
        "  -      AA1>13   AA8>13   -       AA8>13   DT2>6    AR6>7       AA8>13   AA8>13   AA8>13   AA8>13   AA8>13   AA6>13",
        "  -      -        -        -       -        AR1>7    -           -        -        -        -        -        -",
        "  -      AA1>13   AA8>13   -       AA8>13   AR2>8    AR8>9/10    AA8>13   AA8>13   AA8>13   AA8>13   AA8>13   AA6>13",
        "  -      AA1>13   AA8>13   -       AA8>13   AA8>13   AR3>1       AA8>13   AA8>13   AR10>12  AR3>1    AA8>13   AA6>13",
        "  -      -        -        -       -        -        -           AR4>13   AR9>11   -        -        AR4>13   -",
        "  -      -        AA1>13   AA2>1   AA1>13   AA1>13   AA1>13      AA1>13   AA1>13   AA1>13   AA1>13   AA1>13   -",
        "  -      AA2>1    AA3>1    -       AA3>1    AA3>1    AA3>1       AA3>1    AA3>1    AA3>1    AA3>1    AA3>1    AA2>1",
        "  -      AA5>1    AA4>1    AA4>1   AA4>1    AA4>1    AA4>1       AA4>1    AA4>1    AA4>1    AA4>1    AA4>1    AR5>1",
        "  -      AA2>1    -        -       -        -        -           -        -        -        -        -        AA2>1",
        "  -      AA1>13   AA8>13   -       AA8>13   AA8>13   AA8>13      AA8>13   AA8>13   AA8>13   AA8>13   AA8>13   AA7>13",
    ];

    fn check(state: State, event: Event, role: Role, cell: &str) {
        let expected = (cell != "-").then(|| {
            let (action, next) = cell.split_once('>').unwrap();
            let next = match (next.split_once('/'), role) {
                (Some((requestor, _)), Role::Requestor) => requestor,
                (Some((_, acceptor)), Role::Acceptor) => acceptor,
                (None, _) => next,
            };
            (action.to_owned(), format!("Sta{next}"))
        });
        let found = step(state, event, role)
            .map(|(action, next)| (format!("{action:?}").to_uppercase(), format!("{next:?}")));
        assert_eq!(found, expected, "{state:?} {event:?} {role:?}");
    }

    /// All 13 states by 19 events, for both roles (DIMSE-017, DIMSE-018).
    #[test]
    fn the_table_is_the_standards() {
        for (event, row) in EVENTS.into_iter().zip(PRINTED) {
            let cells: Vec<&str> = row.split_whitespace().collect();
            assert_eq!(cells.len(), STATES.len(), "{event:?}");
            for (state, cell) in STATES.into_iter().zip(cells) {
                check(state, event, Role::Requestor, cell);
                check(state, event, Role::Acceptor, cell);
            }
        }
    }
}
