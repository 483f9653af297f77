//! TLS on the HTTP server, for clients that insist on it: some SDKs open
//! `wss://` to the host without a port, whatever address they were given.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// Time a client gets for its handshake; far more than any network needs.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Handshakes at once. Each costs about a millisecond of CPU; strangers who
/// begin more and do not finish wait in the queue of the system.
const HANDSHAKES: usize = 256;

/// Pause after the system refused a connection (no file descriptors are left).
const REFUSED: Duration = Duration::from_millis(100);

/// Reads a certificate chain and its key, both PEM.
pub fn load(certificates: &Path, key: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    let cannot =
        |what: &str, path: &Path| format!("the TLS {what} {} cannot be used", path.display());
    let chain = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| cannot("certificate", certificates))?;
    let key = PrivateKeyDer::from_pem_file(key).with_context(|| cannot("key", key))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| cannot("certificate", certificates))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Connections whose handshake is done.
pub struct Listener {
    accepted: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl Listener {
    /// Takes connections from `listener`.
    pub fn start(listener: TcpListener, config: Arc<ServerConfig>) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        // The server takes them at once.
        let (sender, accepted) = mpsc::channel(1);
        tokio::spawn(accept(listener, TlsAcceptor::from(config), sender));
        Ok(Self { accepted, address })
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    accepted: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    while let Ok(permit) = handshakes.clone().acquire_owned().await {
        let (stream, address) = tokio::select! {
            connection = listener.accept() => match connection {
                Ok(connection) => connection,
                Err(error) => {
                    tracing::warn!(%error, "a TLS connection could not be accepted");
                    tokio::time::sleep(REFUSED).await;
                    continue;
                }
            },
            () = accepted.closed() => return,
        };
        let (acceptor, accepted) = (acceptor.clone(), accepted.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    // Fails when the server has ended.
                    let _ = accepted.send((stream, address)).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, %address, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%address, "a TLS handshake took too long"),
            }
            drop(permit);
        });
    }
}

impl axum::serve::Listener for Listener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.accepted.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use axum::{Extension, Router};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    fn certificate(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (cert, key)
    }

    #[tokio::test]
    async fn requests_over_tls_are_answered_and_marked() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = certificate(folder.path());
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let listener = Listener::start(tcp, load(&cert, &key).unwrap()).unwrap();
        let marked = |secure: Option<Extension<api::Secure>>| async move {
            if secure.is_some() {
                "over TLS"
            } else {
                "plain"
            }
        };
        let router = Router::new().route("/", get(marked));
        let router = router.layer(Extension(api::Secure));
        tokio::spawn(async move { axum::serve(listener, router).await });

        // Somebody who never says a word holds up nobody.
        let _silent = TcpStream::connect(address).await.unwrap();
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(&cert).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        let client = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tcp = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(client))
            .connect(name, tcp)
            .await
            .unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with("over TLS"), "{answer}");
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = certificate(folder.path());
        let none = folder.path().join("none.pem");
        for (cert, key, named) in [
            (&none, &key, &none),
            (&cert, &none, &none),
            (&cert, &cert, &cert),
        ] {
            let error = format!("{:#}", load(cert, key).unwrap_err());
            assert!(error.contains(&named.display().to_string()), "{error}");
        }
    }
}
