//! One provider: what is known of it, and asking it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use oidc::{AccessToken, Expected, Fault, IdToken, Keys, Login, Metadata, Question, Unverified};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::web::Web;
use crate::{Config, Refused, Unreachable};

/// How old keys become before they are fetched anew, behind the requests.
const FRESH: Duration = Duration::from_secs(15 * 60);
/// Between two fetches for keys that nobody knows: who makes up names of keys has nothing asked more often.
const UNKNOWN: Duration = Duration::from_secs(60);
/// Between two tries to reach a provider of which nothing is known.
const AGAIN: Duration = Duration::from_secs(5);

/// A provider. Cheap to clone.
#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

struct Inner {
    config: Config,
    web: Web,
    known: RwLock<Option<Arc<Known>>>,
    /// One fetch at a time; others wait for it.
    asked: Mutex<Asked>,
}

/// What it last said of itself.
struct Known {
    metadata: Metadata,
    keys: Keys,
    fetched: Instant,
}

/// When it was asked.
#[derive(Default)]
struct Asked {
    last: Option<Instant>,
    for_unknown: Option<Instant>,
}

/// A code that a browser brought back.
#[derive(Clone, Copy, Debug)]
pub struct Code<'a> {
    /// The code.
    pub code: &'a str,
    /// Where the browser was to bring it.
    pub redirect_uri: &'a str,
    /// Whose challenge the question had.
    pub verifier: &'a str,
    /// What the question had.
    pub nonce: &'a str,
}

/// Who signed in.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Verified.
    pub token: IdToken,
    /// The token as it came, which signing out shows again.
    pub id_token: String,
}

impl Issuer {
    /// A provider of which nothing is known yet.
    pub fn new(config: Config) -> Self {
        let web = Web { tls: Arc::clone(&config.tls), plain: config.insecure_loopback };
        Self(Arc::new(Inner { config, web, known: RwLock::default(), asked: Mutex::default() }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.config.issuer
    }

    /// What this access token says, if it is this provider's and good at `now`, in seconds of Unix time.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn access(&self, token: &Unverified<'_>, now: i64) -> Result<AccessToken, Refused> {
        let Config { issuer, audience, .. } = &self.0.config;
        let audience = audience.as_deref().ok_or(Fault::Audience)?;
        let expected = Expected { issuer, audience };
        self.with_keys(|keys| AccessToken::verify(token, keys, expected, now)).await
    }

    /// The address of its page for this question; [`Question::client_id`] is ours.
    ///
    /// # Errors
    /// [`Unreachable`].
    pub async fn question(
        &self,
        redirect_uri: &str,
        state: &str,
        nonce: &str,
        verifier: &str,
    ) -> Result<String, Unreachable> {
        let known = self.known().await?;
        let page = known.metadata.authorization.as_deref();
        let page = page.ok_or(Unreachable::Lacks("authorization_endpoint"))?;
        let client_id = &self.0.config.client_id;
        Ok(Question { client_id, redirect_uri, state, nonce, verifier }.address(page))
    }

    /// Whether an answer to a question that names this issuer, or none, can be this provider's (RFC 9207 2.4).
    pub async fn is_answer_of(&self, named: Option<&str>) -> bool {
        match named {
            Some(named) => named == self.name(),
            None => self.known().await.is_ok_and(|known| !known.metadata.names_itself),
        }
    }

    /// Redeems a code, and verifies who signed in at `now`, in seconds of Unix time.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn redeem(&self, code: Code<'_>, now: i64) -> Result<Answer, Refused> {
        let known = self.known().await?;
        let address = known.metadata.token.as_deref().ok_or(Unreachable::Lacks("token_endpoint"))?;
        let Config { client_id, client_secret, issuer, .. } = &self.0.config;
        let authorization = client_secret.as_deref().and_then(|secret| basic(client_id, secret));
        let public = authorization.is_none().then_some(("client_id", client_id.as_str()));
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code.code)
            .append_pair("redirect_uri", code.redirect_uri)
            .append_pair("code_verifier", code.verifier)
            .extend_pairs(public)
            .finish();
        let (status, body) = self.0.web.post(address, authorization, form).await?;
        if !status.is_success() {
            return Err(Unreachable::Status(status).into());
        }
        let Tokens { access_token, id_token } =
            serde_json::from_slice(&body).map_err(|_| Unreachable::Answer)?;
        let token = Unverified::parse(&id_token)?;
        let login = Login { issuer, client_id, nonce: code.nonce, access_token: &access_token };
        let token = self.with_keys(|keys| IdToken::verify(&token, keys, login, now)).await?;
        Ok(Answer { token, id_token })
    }

    /// Where a browser signs out of the provider too and comes back, if there is such a place (OpenID Connect RP-Initiated
    /// Logout 2).
    pub async fn sign_out(&self, id_token: &str, back_to: &str) -> Option<String> {
        let known = self.known().await.ok()?;
        let page = known.metadata.end_session.as_deref()?;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("id_token_hint", id_token)
            .append_pair("client_id", &self.0.config.client_id)
            .append_pair("post_logout_redirect_uri", back_to)
            .finish();
        Some(format!("{page}{}{query}", if page.contains('?') { '&' } else { '?' }))
    }

    /// Verifies with the keys that are known; with new ones when the token's is not among them.
    async fn with_keys<T>(&self, verify: impl Fn(&Keys) -> Result<T, Fault>) -> Result<T, Refused> {
        let known = self.known().await?;
        match verify(&known.keys) {
            Err(Fault::UnknownKey) => {
                let known = self.for_unknown(&known).await;
                Ok(verify(&known.keys)?)
            }
            done => Ok(done?),
        }
    }

    /// What is known; fetched first when that is nothing, and behind this request when it is old.
    async fn known(&self) -> Result<Arc<Known>, Unreachable> {
        if let Some(known) = self.look() {
            if known.fetched.elapsed() > FRESH {
                let this = self.clone();
                tokio::spawn(async move { this.renew(&known).await });
                return self.look().ok_or(Unreachable::Waiting);
            }
            return Ok(known);
        }
        let mut asked = self.0.asked.lock().await;
        if let Some(known) = self.look() {
            return Ok(known);
        }
        if asked.last.is_some_and(|at| at.elapsed() < AGAIN) {
            return Err(Unreachable::Waiting);
        }
        self.fetch(&mut asked).await
    }

    /// Fetches what became old, unless somebody does or did a moment ago.
    async fn renew(&self, old: &Known) {
        let Ok(mut asked) = self.0.asked.try_lock() else { return };
        let is_old = self.look().is_some_and(|known| known.fetched == old.fetched);
        if is_old && asked.last.is_none_or(|at| at.elapsed() >= UNKNOWN) {
            let _ = self.fetch(&mut asked).await;
        }
    }

    /// What is known after a look for keys that `old` has not; at most one look a minute.
    async fn for_unknown(&self, old: &Arc<Known>) -> Arc<Known> {
        let mut asked = self.0.asked.lock().await;
        if let Some(known) = self.look()
            && !Arc::ptr_eq(&known, old)
        {
            return known;
        }
        if asked.for_unknown.is_none_or(|at| at.elapsed() >= UNKNOWN) {
            asked.for_unknown = Some(Instant::now());
            if let Ok(known) = self.fetch(&mut asked).await {
                return known;
            }
        }
        Arc::clone(old)
    }

    /// Asks for metadata and keys. What was known before stays when that fails.
    async fn fetch(&self, asked: &mut Asked) -> Result<Arc<Known>, Unreachable> {
        asked.last = Some(Instant::now());
        let Inner { config, web, .. } = &*self.0;
        let fetched = async {
            let metadata =
                Metadata::read(&web.get(&Metadata::address(&config.issuer)).await?, &config.issuer)?;
            let keys = Keys::read(&web.get(&metadata.keys).await?, &config.algorithms)?;
            Ok(Known { metadata, keys, fetched: Instant::now() })
        };
        let known = match fetched.await {
            Ok(known) => Arc::new(known),
            Err(error) => {
                let error: Unreachable = error;
                tracing::warn!(issuer = %config.issuer, %error, "an identity provider's keys cannot be fetched");
                return Err(error);
            }
        };
        if known.keys.is_empty() {
            tracing::warn!(issuer = %config.issuer, "an identity provider has no key that may sign");
        }
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
        Ok(known)
    }

    fn look(&self) -> Option<Arc<Known>> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    id_token: String,
}

/// Our name and secret (RFC 6749 2.3.1: each encoded as in a form, then as RFC 7617 has it).
fn basic(client_id: &str, secret: &str) -> Option<HeaderValue> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret)));
    let mut value = HeaderValue::from_str(&format!("Basic {pair}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
