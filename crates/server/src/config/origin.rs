//! Where each value of the configuration came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the file, counted from 1.
    File(Arc<PathBuf>, usize),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(file, line) => write!(f, "{}:{line}", file.display()),
            Origin::Flag(flag) => f.write_str(flag),
        }
    }
}

/// The origin of each value, by its path: `http.listen`, `dimse.peers[0].aet`.
#[derive(Clone, Debug, Default)]
pub struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Where every value in the text is set.
    ///
    /// # Errors
    /// When the text is no TOML.
    pub fn of_file(file: &Path, text: &str) -> Result<Self, toml::de::Error> {
        let mut lines = Lines { file: Arc::new(file.to_owned()), text, found: BTreeMap::new() };
        lines.table("", DeTable::parse(text)?.get_ref());
        Ok(Self(lines.found))
    }

    /// Where the value of this path came from; that of the list or section around it when it has none of its own.
    pub fn of(&self, path: &str) -> Origin {
        let mut path = path;
        loop {
            if let Some(origin) = self.0.get(path) {
                return origin.clone();
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return Origin::Default,
            }
        }
    }

    pub(super) fn flag(&mut self, path: &str, flag: &'static str) {
        self.0.insert(path.to_owned(), Origin::Flag(flag));
    }
}

struct Lines<'a> {
    file: Arc<PathBuf>,
    text: &'a str,
    found: BTreeMap<String, Origin>,
}

impl Lines<'_> {
    fn table(&mut self, path: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path =
                if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
            // A section is no value: what it leaves out is a default.
            if !value.get_ref().is_table() {
                self.found.insert(path.clone(), self.at(key.span().start));
            }
            self.value(&path, value.get_ref());
        }
    }

    fn value(&mut self, path: &str, value: &DeValue<'_>) {
        match value {
            DeValue::Table(table) => self.table(path, table),
            DeValue::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    let path = format!("{path}[{i}]");
                    self.found.insert(path.clone(), self.at(item.span().start));
                    self.value(&path, item.get_ref());
                }
            }
            _ => {}
        }
    }

    fn at(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        Origin::File(Arc::clone(&self.file), 1 + before.iter().filter(|b| **b == b'\n').count())
    }
}
