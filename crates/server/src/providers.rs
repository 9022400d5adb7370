//! The identity providers of the configuration.

use std::path::Path;

use access::Principal;
use anyhow::Context;
use gateway::Unauthenticated;
use identity::{Recogniser, Subject};
use issuer::{Issuer, Refused};
use oidc::{Algorithm, Fault, Unverified};

use crate::config::Oidc;
use crate::doors::now;
use crate::tls;

/// The providers, in their order.
///
/// # Errors
/// When a file that one names cannot be used.
pub fn open(configured: &[Oidc]) -> anyhow::Result<Vec<Issuer>> {
    configured
        .iter()
        .map(|provider| {
            open_one(provider).with_context(|| format!("the identity provider {}", provider.issuer))
        })
        .collect()
}

fn open_one(provider: &Oidc) -> anyhow::Result<Issuer> {
    let read = |file: &Path| {
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
    };
    let tls = match &provider.ca_file {
        Some(file) => tls::client(&read(file)?, None)?,
        None => tls::client_of_system()?,
    };
    let secret = provider.client_secret_file.as_deref().map(read).transpose()?;
    let algorithms = provider.algorithms.iter().filter_map(|name| Algorithm::named(name)).collect();
    Ok(Issuer::new(issuer::Config {
        issuer: provider.issuer.clone(),
        audience: provider.audience.clone(),
        client_id: provider.client_id.clone().unwrap_or_default(),
        client_secret: secret.map(|secret| secret.trim_end_matches(['\r', '\n']).to_owned()),
        algorithms,
        tls,
        insecure_loopback: provider.insecure_loopback,
    }))
}

/// Who an access token of one of these providers stands for.
///
/// # Errors
/// [`Unauthenticated::Refused`] with the reason; [`Unauthenticated::Unavailable`] when it cannot be known.
pub async fn recognise(
    providers: &[Issuer],
    people: &Recogniser,
    token: &str,
) -> Result<Principal, Unauthenticated> {
    let token = Unverified::parse(token).map_err(|fault| refused(fault, None))?;
    // Nothing that a token says is told on before it is known to be true, but which provider's it would be.
    let provider = providers.iter().find(|provider| Some(provider.name()) == token.issuer());
    let provider = provider.ok_or_else(|| refused(Fault::Issuer, None))?;
    let said = match provider.access(&token, now()).await {
        Ok(said) => said,
        Err(Refused::Fault(fault)) => return Err(refused(fault, Some(provider))),
        Err(Refused::Unreachable(_)) => return Err(Unauthenticated::Unavailable),
    };
    let subject = Subject { issuer: provider.name().to_owned(), subject: said.subject };
    let found = people.bearer(&subject, &said.scope, now()).unwrap_or_else(|error| {
        tracing::error!(%error, "nobody is let in by an identity provider's token");
        None
    });
    found.ok_or_else(|| {
        let Subject { issuer, subject } = &subject;
        tracing::warn!(oidc.issuer = %issuer, oidc.subject = %subject, "a token's subject is linked to nobody here");
        Unauthenticated::Refused {
            why: "the subject of the token is linked to nobody here".to_owned(),
            whose: format!("{subject} of {issuer}"),
        }
    })
}

fn refused(fault: Fault, provider: Option<&Issuer>) -> Unauthenticated {
    let whose = provider.map_or("no provider that is known", Issuer::name).to_owned();
    Unauthenticated::Refused { why: fault.to_string(), whose }
}
