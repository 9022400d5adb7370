//! Everything that is served for programs, as a table. The capabilities (PS3.18 8.9), the OpenAPI description and the
//! page `/docs` are made from it, and a test walks the routes beside it: one source, so none of them can be untrue
//! alone.

mod document;
mod links;
mod operations;
mod parameters;

pub(crate) use document::document;
pub(crate) use operations::{OPERATIONS, below_the_service};

/// One method of one resource.
#[derive(Debug)]
pub(crate) struct Operation {
    /// Its name in all descriptions.
    pub(crate) id: &'static str,
    /// What it belongs to.
    pub(crate) group: Group,
    pub(crate) method: &'static str,
    /// From the root, with `{parameters}`.
    pub(crate) path: &'static str,
    /// One line.
    pub(crate) summary: &'static str,
    /// What else there is to know; may be empty.
    pub(crate) more: &'static str,
    /// Of the query. Those of the path are known by their names.
    pub(crate) query: &'static [&'static Parameter],
    /// Media types of the body that it takes.
    pub(crate) takes: &'static [&'static str],
    /// Media types of what it gives on success.
    pub(crate) gives: &'static [&'static str],
    /// What its answers mean.
    pub(crate) statuses: &'static [Status],
    pub(crate) access: Access,
    /// What a `curl` of it adds to its URL: a query, or other arguments.
    pub(crate) example: Example,
}

/// What operations belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Search,
    Retrieve,
    Store,
    Commitment,
    Delete,
    Links,
    Uri,
    Service,
    Server,
}

/// Who may call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anyone: it says nothing about what is held.
    Open,
    /// A principal.
    Token,
}

/// A parameter of a path or a query.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    pub(crate) example: &'static str,
}

/// What values a parameter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A UID (PS3.5 9.1).
    Uid,
    Text,
    /// A whole number from the first to the second.
    Number(u32, u32),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Texts, with commas between them.
    List,
    /// Text that this regular expression describes.
    Pattern(&'static str),
}

/// A status and what it means here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status(pub(crate) u16, pub(crate) &'static str);

/// What an example adds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Example {
    pub(crate) query: &'static str,
    pub(crate) arguments: &'static str,
}

impl Group {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Group; 9] = [
        Group::Search,
        Group::Retrieve,
        Group::Store,
        Group::Commitment,
        Group::Delete,
        Group::Links,
        Group::Uri,
        Group::Service,
        Group::Server,
    ];

    /// Its heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Group::Search => "Search",
            Group::Retrieve => "Retrieve",
            Group::Store => "Store",
            Group::Commitment => "Storage commitment",
            Group::Delete => "Delete",
            Group::Links => "Links",
            Group::Uri => "WADO-URI",
            Group::Service => "What there is",
            Group::Server => "The server itself",
        }
    }

    /// One line about it.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Group::Search => "QIDO-RS (PS3.18 10.6): studies, series and instances by their attributes.",
            Group::Retrieve => "WADO-RS (PS3.18 10.4): instances, metadata, frames and bulk data.",
            Group::Store => {
                "STOW-RS (PS3.18 10.5): a success says that the instance would survive a power cut."
            }
            Group::Commitment => "PS3.18 13: a yes is said only after the bytes were read again.",
            Group::Delete => "For administrators: out of every answer at once, for good.",
            Group::Links => "To see studies, or to send images, without an account. An extension of our own.",
            Group::Uri => "WADO-URI (PS3.18 9): one instance by a query, for clients from before DICOMweb.",
            Group::Service => "Capabilities (PS3.18 8.9) and this description.",
            Group::Server => "For whoever runs it.",
        }
    }

    /// Its name in a fragment of a URL.
    pub(crate) fn anchor(self) -> &'static str {
        match self {
            Group::Search => "search",
            Group::Retrieve => "retrieve",
            Group::Store => "store",
            Group::Commitment => "commitment",
            Group::Delete => "delete",
            Group::Links => "links",
            Group::Uri => "wado-uri",
            Group::Service => "service",
            Group::Server => "server",
        }
    }
}

impl Operation {
    /// The parameters of its path, in their order.
    pub(crate) fn path_parameters(&self) -> impl Iterator<Item = &'static Parameter> {
        let names = self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        names.filter_map(parameters::of_path)
    }

    /// Whether a path, without its query, is of this resource.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        let mut template = self.path.split('/');
        let mut segments = path.split('/');
        loop {
            match (template.next(), segments.next()) {
                (None, None) => return true,
                // Takes the rest of the path, of one segment at least.
                (Some("{attribute}"), Some(segment)) => return !segment.is_empty(),
                (Some(name), Some(segment)) if name.starts_with('{') => {
                    if segment.is_empty() {
                        return false;
                    }
                }
                (Some(name), Some(segment)) if name == segment => {}
                _ => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests;
