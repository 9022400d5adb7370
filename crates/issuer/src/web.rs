//! Asking over HTTP: one connection for each question, 10 s and 256 KiB at most, no redirections, no cookies.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Unreachable;

/// For one question, from the look-up of the name to the answer's last byte.
const TIME: Duration = Duration::from_secs(10);
/// Most bytes of an answer.
const LONGEST: usize = 256 << 10;

/// How a provider is asked.
pub(crate) struct Web {
    pub(crate) tls: Arc<rustls::ClientConfig>,
    /// Lets loopback addresses be asked without TLS.
    pub(crate) plain: bool,
}

impl Web {
    /// What is at this address.
    pub(crate) async fn get(&self, url: &str) -> Result<Bytes, Unreachable> {
        match self.ask(Method::GET, url, None, Bytes::new()).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, _) => Err(Unreachable::Status(status)),
        }
    }

    /// Sends a form, and gives the answer whatever its status.
    pub(crate) async fn post(
        &self,
        url: &str,
        authorization: Option<HeaderValue>,
        form: String,
    ) -> Result<(StatusCode, Bytes), Unreachable> {
        self.ask(Method::POST, url, authorization, form.into()).await
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        authorization: Option<HeaderValue>,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Unreachable> {
        let bad = || Unreachable::Address(url.chars().take(200).collect());
        let target: Uri = url.parse().map_err(|_| bad())?;
        let authority =
            target.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(bad)?;
        let path = target.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder()
            .method(&method)
            .uri(path)
            .header(HOST, authority.as_str())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, "overread");
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(body)).map_err(|_| bad())?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let asked = async {
            if target.scheme() == Some(&Scheme::HTTPS) {
                let stream = connect(host, authority.port_u16().unwrap_or(443), Reach::Anywhere).await?;
                let name = ServerName::try_from(host.to_owned()).map_err(|_| bad())?;
                let connector = TlsConnector::from(Arc::clone(&self.tls));
                exchange(connector.connect(name, stream).await?, request).await
            } else if target.scheme() == Some(&Scheme::HTTP) && self.plain {
                let stream = connect(host, authority.port_u16().unwrap_or(80), Reach::Loopback).await?;
                exchange(stream, request).await
            } else {
                Err(bad())
            }
        };
        tokio::time::timeout(TIME, asked).await.map_err(|_| Unreachable::Late)?
    }
}

/// Where a connection may go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Anywhere,
    Loopback,
}

/// Connects to the first address of the host that answers.
async fn connect(host: &str, port: u16, reach: Reach) -> io::Result<TcpStream> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address that may be asked");
    for address in found {
        if reach == Reach::Loopback && !address.ip().to_canonical().is_loopback() {
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Unreachable>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender; what goes wrong on it is the sender's error, too.
    let driver = tokio::spawn(connection);
    let asked = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        Ok((status, body.map_err(|_| Unreachable::Long)?.to_bytes()))
    };
    let answer = asked.await;
    driver.abort();
    answer
}
