//! Whether the clock can be believed far enough to remove anything by it.
//!
//! A clock that jumps ahead by years would make everything due at once. So each look at it is kept, and when the next one
//! finds it more than [`AHEAD`] further nothing is removed until somebody says that it is right: whether the machine was
//! off so long or the clock is wrong, only a person knows. A clock that goes back makes nothing due.

/// How far the clock may be ahead of the last look: 7 days, in milliseconds.
pub const AHEAD: i64 = 7 * 86_400_000;

/// What is to be thought of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It goes on from where it was.
    Believed,
    /// It is so many milliseconds ahead of the last moment that is known.
    Ahead(i64),
}

/// Judges the clock by the last look; before the first by the last instance that was received, if one was. Milliseconds of
/// Unix time.
pub fn judge(last_look: Option<i64>, last_received: Option<i64>, now: i64) -> Judgement {
    let Some(known) = last_look.or(last_received) else { return Judgement::Believed };
    match now.saturating_sub(known) {
        ahead if ahead > AHEAD => Judgement::Ahead(ahead),
        _ => Judgement::Believed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_not_believed() {
        let year = 365 * 86_400_000;
        for (look, received, now, expected) in [
            (None, None, 50 * year, Judgement::Believed),
            (Some(1_000), Some(0), 61_000, Judgement::Believed),
            (Some(1_000), None, 1_000 + AHEAD, Judgement::Believed),
            (Some(1_000), None, 1_001 + AHEAD, Judgement::Ahead(AHEAD + 1)),
            // Stores that came after the jump do not make it right.
            (Some(1_000), Some(year), year, Judgement::Ahead(year - 1_000)),
            (None, Some(0), year, Judgement::Ahead(year)),
            // Back, or far in the past.
            (Some(year), None, 0, Judgement::Believed),
            (Some(i64::MIN), None, i64::MAX, Judgement::Ahead(i64::MAX)),
        ] {
            assert_eq!(judge(look, received, now), expected, "{look:?} {received:?} {now}");
        }
    }
}
