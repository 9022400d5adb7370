//! The identity providers of the configuration.

use std::path::Path;
use std::sync::Arc;

use access::Principal;
use anyhow::Context;
use gateway::Unauthenticated;
use identity::{Recogniser, Subject};
use issuer::{Code, Issuer, Refused};
use oidc::{Algorithm, Fault, Unverified};
use pages::{Asked, CameIn, NotIn, Providers};

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

/// With whom people sign in on the pages.
pub struct SignIn {
    providers: Vec<Issuer>,
    labels: Vec<String>,
    people: Arc<Recogniser>,
    /// Where browsers reach the pages, without a slash at its end.
    root: String,
}

impl SignIn {
    /// Those of the providers that people sign in with.
    pub fn new(configured: &[Oidc], providers: &[Issuer], people: Arc<Recogniser>, root: String) -> Self {
        let with = configured.iter().zip(providers).filter(|(configured, _)| configured.login);
        let (labels, providers) = with
            .map(|(configured, provider)| (configured.label.clone().unwrap_or_default(), provider.clone()))
            .unzip();
        Self { providers, labels, people, root }
    }

    fn callback(&self) -> String {
        format!("{}/sign-in/callback", self.root)
    }
}

#[async_trait::async_trait]
impl Providers for SignIn {
    fn labels(&self) -> &[String] {
        &self.labels
    }

    async fn question(&self, provider: usize, asked: &Asked) -> Option<String> {
        let provider = self.providers.get(provider)?;
        let callback = self.callback();
        let question = provider.question(&callback, &asked.state, &asked.nonce, &asked.verifier);
        question
            .await
            .inspect_err(|error| tracing::warn!(oidc.issuer = provider.name(), %error, "nobody can sign in"))
            .ok()
    }

    async fn answer(
        &self,
        provider: usize,
        asked: &Asked,
        code: &str,
        issuer: Option<&str>,
    ) -> Result<CameIn, NotIn> {
        let provider = self
            .providers
            .get(provider)
            .ok_or_else(|| NotIn::Failed("there is no such provider".to_owned()))?;
        if !provider.is_answer_of(issuer).await {
            return Err(NotIn::Failed(format!("the answer is not that of {}", provider.name())));
        }
        let callback = self.callback();
        let code = Code { code, redirect_uri: &callback, verifier: &asked.verifier, nonce: &asked.nonce };
        let answer = provider.redeem(code, now()).await.map_err(|error| {
            tracing::warn!(oidc.issuer = provider.name(), %error, "a login does not count");
            NotIn::Failed(format!("{error}: {}", provider.name()))
        })?;
        let subject = Subject { issuer: provider.name().to_owned(), subject: answer.token.subject };
        let whose = format!("{} of {}", subject.subject, subject.issuer);
        match self.people.signed_in(&subject) {
            Ok(Some(standing)) => Ok(CameIn { standing, id_token: answer.id_token, whose }),
            Ok(None) => {
                tracing::warn!(oidc.issuer = %subject.issuer, oidc.subject = %subject.subject, "a login's subject is linked to no account");
                Err(NotIn::Unlinked(whose))
            }
            Err(error) => {
                tracing::error!(%error, "nobody is let in by an identity provider");
                Err(NotIn::Failed("the access register cannot be read".to_owned()))
            }
        }
    }

    async fn goodbye(&self, provider: usize, id_token: &str) -> Option<String> {
        self.providers.get(provider)?.sign_out(id_token, &format!("{}/", self.root)).await
    }
}
