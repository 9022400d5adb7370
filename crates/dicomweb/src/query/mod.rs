//! Query parameters: a search (PS3.18 8.3.4, 10.6.1.2) or a retrieve, parsed once into types.

mod attribute;
mod delete;
mod pairs;
mod rendered;
mod retrieve;
mod search;
mod uri;

pub use attribute::{NameError, TagPath, dotted};
pub use delete::DeleteRequest;
pub use pairs::PairsError;
pub use rendered::{
    Annotations, Function, LARGEST_VIEWPORT, ProfileName, RenderedRequest, Source, Viewport, Window,
};
pub use retrieve::RetrieveRequest;
pub use search::{Include, Level, Match, SearchRequest, Wanted, Warning};
pub use uri::{Rendering, UriRequest};

/// Why a query cannot be answered: 400, but [`PairsError::TooLong`], which is 414. Each names the parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The query as a whole.
    #[error(transparent)]
    Pairs(#[from] PairsError),
    /// A name that is no parameter, keyword or tag: a misspelt filter must not return everybody.
    #[error("{name:?} is no parameter of a search: {error}")]
    Name {
        /// As given, at most 64 characters of it.
        name: String,
        /// Why.
        error: NameError,
    },
    /// A parameter or attribute given twice.
    #[error("{0:?} is given more than once")]
    Repeated(String),
    /// A value that its parameter cannot have.
    #[error("the value of {name:?} {problem}")]
    Value {
        /// As given.
        name: String,
        /// What is wrong with the value.
        problem: String,
    },
    /// A private attribute without the creator that says whose it is (PS3.18 8.3.4.1).
    #[error("the private attribute {name:?} needs its creator beside it: {creator}=…")]
    PrivateCreator {
        /// As given.
        name: String,
        /// The creator's tag.
        creator: String,
    },
    /// A bearer token in the URL, where logs and histories keep it.
    #[error("a token does not belong in a URL; send it as \"Authorization: Bearer …\"")]
    Token,
}

/// A name as given, cut so that an error stays short.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}
