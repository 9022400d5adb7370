//! The link by which the first administrator's account is made: once, while there is none.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context;
use identity::{FILE, People};

use super::private_file;

/// The file that has it, in the data folder.
const LINK: &str = "set-up.link";

/// A link, and the file in which only its owner may read it.
#[derive(Clone, Debug)]
pub struct SetUpLink {
    /// The file.
    pub file: PathBuf,
    /// What it holds. A secret.
    pub link: String,
}

/// Makes a new link while no account may run the server, and writes it to its file; else removes the file.
///
/// # Errors
/// When the register or the file cannot be written.
pub fn first(folder: &Path, origin: &str, now: i64) -> anyhow::Result<Option<SetUpLink>> {
    let file = folder.join(LINK);
    let mut people = People::open(&folder.join(FILE)).context("the register of accounts cannot be used")?;
    let Some(fresh) = people.first_set_up(now)? else {
        return match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", file.display()))
            }
            _ => Ok(None),
        };
    };
    let link = link(origin, &fresh.token);
    private_file::write(&file, format!("{link}\n").as_bytes())
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Some(SetUpLink { file, link }))
}

/// A set-up link. Its secret stands in the fragment, which no browser sends and no server logs.
pub fn link(origin: &str, secret: &str) -> String {
    format!("{origin}/set-up#{secret}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use access::{CustodianId, Grant, On, Role};
    use identity::Kind;

    use super::*;

    #[test]
    fn a_link_until_there_is_an_administrator() {
        let folder = tempfile::tempdir().unwrap();
        let first_link = first(folder.path(), "https://here:8443", 1).unwrap().unwrap();
        assert!(first_link.link.starts_with("https://here:8443/set-up#"));
        let mode = std::fs::metadata(&first_link.file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = first(folder.path(), "https://here:8443", 1).unwrap().unwrap();
        assert_ne!(first_link.link, second.link);
        assert_eq!(std::fs::read_to_string(&second.file).unwrap(), second.link.clone() + "\n");
        let mut people = People::open(&folder.path().join(FILE)).unwrap();
        people.add(Kind::Account, "root", &CustodianId::local(), 1).unwrap();
        let grant = Grant { role: Role::Administrator, on: On::Everything, until: None };
        people.grant(Kind::Account, "root", &grant, 1).unwrap();
        assert!(first(folder.path(), "https://here:8443", 1).unwrap().is_none());
        assert!(!second.file.exists());
    }
}
