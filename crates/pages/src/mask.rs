//! A patient's name so that it tells rows apart and does not tell who it is.

/// `Sample^Maria` becomes `S•••••, M.`: the bullets are always five, whatever the name's length.
///
/// Takes the alphabetic group of a person name (PS3.5 6.2.1.1); an empty name stays empty.
pub fn mask(name: &str) -> String {
    let mut components = name.split('^').map(str::trim);
    let family = components.next().and_then(|text| text.chars().next());
    let given = components.next().and_then(|text| text.chars().next());
    match (family, given) {
        (Some(family), Some(given)) => format!("{family}•••••, {given}."),
        (Some(family), None) => format!("{family}•••••"),
        (None, Some(given)) => format!("•••••, {given}."),
        (None, None) if name.is_empty() => String::new(),
        (None, None) => "•••••".to_owned(),
    }
}

/// `Sample^Maria^^Dr` as people write it: `Sample, Maria, Dr`.
pub fn whole(name: &str) -> String {
    let parts: Vec<_> = name.split('^').map(str::trim).filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, masked, shown) in [
            ("Sample^Maria", "S•••••, M.", "Sample, Maria"),
            ("Sample^Maria^^Dr", "S•••••, M.", "Sample, Maria, Dr"),
            ("Li", "L•••••", "Li"),
            ("Çelik^Ümit", "Ç•••••, Ü.", "Çelik, Ümit"),
            ("山田^太郎", "山•••••, 太.", "山田, 太郎"),
            ("^Maria", "•••••, M.", "Maria"),
            ("^^X", "•••••", "X"),
            ("", "", ""),
        ] {
            assert_eq!((mask(name), whole(name)), (masked.to_owned(), shown.to_owned()), "{name}");
        }
    }
}
