//! What the scope of an identity provider's token lets its holder do. It narrows: the holder's grants decide first.

use access::Action;

/// Whether a scope (RFC 6749 3.3: words between blanks) covers this action.
///
/// Two ways to write it are known: IHE's transactions, and SMART on FHIR's scopes of version 2. Words that are not known
/// cover nothing, and so does one with a condition, which could not be held here. Sharing and running the server are in
/// no scope.
pub(crate) fn covers(scope: &str, action: Action) -> bool {
    scope.split(' ').any(|word| word_covers(word, action))
}

fn word_covers(word: &str, action: Action) -> bool {
    match word {
        "RAD-129" => action == Action::Search,
        "RAD-107" | "RAD-55" => action == Action::Retrieve,
        "RAD-108" => action == Action::Store,
        _ => smart(word).is_some_and(|letters| match action {
            Action::Store => letters.contains('c'),
            Action::Retrieve => letters.contains('r'),
            Action::Search => letters.contains('s'),
            Action::Remove => letters.contains('d'),
            Action::Share | Action::Administer => false,
        }),
    }
}

/// The letters of `user/ImagingStudy.cruds` and its like: some of them, in this order.
fn smart(word: &str) -> Option<&str> {
    let (context, rest) = word.split_once('/')?;
    let (resource, letters) = rest.split_once('.')?;
    let known = matches!(context, "user" | "system") && matches!(resource, "ImagingStudy" | "*");
    let mut all = "cruds".chars();
    let in_order = !letters.is_empty() && letters.chars().all(|letter| all.any(|one| one == letter));
    (known && in_order).then_some(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes() {
        for (scope, covered) in [
            ("", &[][..]),
            ("openid profile", &[]),
            ("RAD-129", &[Action::Search]),
            ("RAD-107", &[Action::Retrieve]),
            ("RAD-55", &[Action::Retrieve]),
            ("RAD-108", &[Action::Store]),
            ("RAD-1070 rad-107", &[]),
            ("openid RAD-129 RAD-107", &[Action::Search, Action::Retrieve]),
            ("system/ImagingStudy.rs", &[Action::Search, Action::Retrieve]),
            ("user/ImagingStudy.r", &[Action::Retrieve]),
            ("user/*.s", &[Action::Search]),
            ("system/ImagingStudy.c", &[Action::Store]),
            ("system/ImagingStudy.d", &[Action::Remove]),
            ("system/ImagingStudy.u", &[]),
            ("system/ImagingStudy.cruds", &[Action::Store, Action::Search, Action::Retrieve, Action::Remove]),
            ("system/ImagingStudy.sr", &[]),
            ("system/ImagingStudy.rr", &[]),
            ("system/ImagingStudy.read", &[]),
            ("system/ImagingStudy.", &[]),
            ("system/ImagingStudy.rs?patient=7", &[]),
            ("system/Patient.rs", &[]),
            ("patient/ImagingStudy.rs", &[]),
            ("admin administer *", &[]),
        ] {
            for action in Action::ALL {
                assert_eq!(covers(scope, action), covered.contains(&action), "{scope} {action:?}");
            }
        }
    }
}
