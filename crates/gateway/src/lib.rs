//! The DICOMweb edge: HTTP listeners with limits, and handlers that extract, authorise, call the archive and answer.
//!
//! STOW-RS, WADO-RS and QIDO-RS (PS3.18) below `/dicom-web`, `/healthz` and `/readyz` open, `/metrics` for whoever may
//! administer. The grammar is in `dicomweb`, what is kept in `archive`; this crate must not know the other edges.
//!
//! ```text
//! Gateway::new(archive, authenticate, config)?.with_pages(router).with_metrics(render).with_recorder(audit).serve(listener, tls, stop).await
//! ```

mod all_bulk;
mod app;
mod audited;
mod authenticate;
mod bulk;
mod capabilities;
mod commitment;
mod compress;
mod conditional;
mod config;
mod cors;
mod delete;
mod docs;
mod frames;
mod health;
mod links;
mod metadata;
mod openapi;
mod outgoing;
mod rates;
mod refusal;
mod rendered;
mod retrieve;
mod same_origin;
mod search;
mod serve;
mod sheet;
mod status;
mod store;
mod thumbnail;
mod viewer;
mod wado_uri;
mod zip_upload;

pub use app::{Gateway, SetUpError};
pub use authenticate::{Authenticate, Peer, Unauthenticated};
pub use config::{Config, Hosts, Limits};
pub use dicomweb::media::MissingAccept;
pub use health::{RenderMetrics, serve_metrics};
pub use viewer::{FolderError, ViewerConfig};
