//! A client of HTTP/1.1, for what is asked of a relay besides its documents.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, body::Incoming, header};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use crate::io::transport::connect::Network;
use crate::io::transport::dial::{DialError, LinkAddr};
use crate::protocol::link_url::ServerUrl;

/// How long a whole request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an answer that is read as a whole.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// One connection, for one request after the other.
pub(in crate::io) struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    address: String,
}

impl Client {
    /// Connects until `deadline`.
    ///
    /// # Errors
    /// As for dialing.
    pub(in crate::io) async fn connect(
        network: &Network,
        addr: &LinkAddr,
        deadline: Instant,
    ) -> Result<Client, DialError> {
        let address = addr.authority();
        let timeout =
            || DialError::Timeout { address: address.clone(), n_seconds: REQUEST_TIMEOUT.as_secs() };
        let stream = timeout_at(deadline, network.open(addr, deadline)).await.map_err(|_| timeout())??;
        let shaken = handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(|_| DialError::NotHttp { address: address.clone() })?;
        tokio::spawn(async move {
            // What goes wrong is told to the request that is under way.
            let _ = connection.await;
        });
        Ok(Client { sender, host: address.clone(), address })
    }

    /// Sends a request. `path` is all behind the host.
    ///
    /// # Errors
    /// If the connection ends before the answer begins.
    pub(in crate::io) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<Response<Incoming>, DialError> {
        let failed = || DialError::NotHttp { address: self.address.clone() };
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.host);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body)).map_err(|_| failed())?;
        let hung_up = || DialError::HungUp { address: self.address.clone() };
        self.sender.ready().await.map_err(|_| hung_up())?;
        self.sender.send_request(request).await.map_err(|_| hung_up())
    }
}

/// Gets a page of a server. `token` proves who asks.
///
/// # Errors
/// As for dialing; or if the answer does not come or end.
pub async fn get(
    network: &Network,
    server: &ServerUrl,
    path: &str,
    token: Option<&str>,
) -> Result<Answer, DialError> {
    request(network, server, Method::GET, path, token, Bytes::new()).await
}

/// Sends a request to a server and reads the whole answer. `token` proves who asks.
///
/// # Errors
/// As [`get`].
pub async fn request(
    network: &Network,
    server: &ServerUrl,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Bytes,
) -> Result<Answer, DialError> {
    let addr = LinkAddr {
        host: server.host.clone(),
        port: server.port,
        base_path: server.base_path.clone(),
        doc_id: String::new(),
        tls: server.is_tls,
    };
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    let address = addr.authority();
    let late = DialError::Timeout { address: address.clone(), n_seconds: REQUEST_TIMEOUT.as_secs() };
    let asked = async {
        let mut client = Client::connect(network, &addr, deadline).await?;
        let proof = token.map(|token| ("authorization", format!("Bearer {token}")));
        let headers: Vec<_> = proof.into_iter().collect();
        let answer = client.send(method, &format!("{}{path}", addr.base_path), &headers, body).await?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|_| DialError::HungUp { address: address.clone() })?.to_bytes().to_vec();
        Ok(Answer { status, body })
    };
    timeout_at(deadline, asked).await.unwrap_or(Err(late))
}
