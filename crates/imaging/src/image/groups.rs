//! Functional groups of enhanced multi-frame instances (PS3.3 C.7.6.16).

use super::attributes::Attributes;
use super::tag;

/// Where the attributes of one frame are.
pub(super) struct Groups<'a> {
    whole: &'a Attributes<'a>,
    frame: Option<Attributes<'a>>,
    shared: Option<Attributes<'a>>,
}

impl<'a> Groups<'a> {
    /// Those of frame `number`, from 1.
    pub(super) fn of(whole: &'a Attributes<'a>, number: u32) -> Self {
        let index = number.saturating_sub(1) as usize;
        Self { whole, frame: whole.item(tag::FRAME_GROUPS, index), shared: whole.first(tag::SHARED_GROUPS) }
    }

    /// The first item of a functional group: the frame's own, else the shared one.
    pub(super) fn own(&self, sequence: &str) -> Option<Attributes<'a>> {
        let inside = |group: &Option<Attributes<'a>>| group.as_ref().and_then(|group| group.first(sequence));
        inside(&self.frame).or_else(|| inside(&self.shared))
    }

    /// The functional group, or the data set itself where there is none.
    pub(super) fn of_group(&self, sequence: &str) -> Attributes<'a> {
        self.own(sequence).unwrap_or_else(|| self.whole.clone())
    }
}
