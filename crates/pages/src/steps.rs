//! How far somebody is on the way to a server that is set up.

use maud::{Markup, html};

/// What setting up takes.
const STEPS: [&str; 4] = ["Account", "Second factor", "Recovery codes", "First image"];

/// A step of setting up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Account,
    Factor,
    Recovery,
    Image,
}

/// The steps, this one being at hand.
pub fn steps(at: Step) -> Markup {
    let at = at as usize;
    html! {
        ol class="steps" aria-label="Steps" {
            @for (number, step) in STEPS.iter().enumerate() {
                @if number < at { li class="done" { (step) span class="vh" { " (done)" } } }
                @else { li aria-current=[(number == at).then_some("step")] { (step) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_step_is_at_hand() {
        let shown = steps(Step::Factor).into_string();
        assert_eq!(
            (shown.matches("(done)").count(), shown.matches("aria-current").count()),
            (1, 1),
            "{shown}"
        );
        assert!(shown.contains(r#"<li aria-current="step">Second factor"#), "{shown}");
    }
}
