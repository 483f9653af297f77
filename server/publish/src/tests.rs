//! A push against a small WHIP server that answers with a connection of ours.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use media::seam::Sink;
use media::{HOP, MediaTime, Packet, Track, Turn};
use transport::{Endpoint, Link, LinkSettings, Settings, Viewer};

use crate::whip::{MAX_PUSHES, NoOffer, Publisher, StartError, State, Status, Target};

fn endpoint() -> Arc<Endpoint> {
    let settings = Settings {
        udp: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..Settings::default()
    };
    Arc::new(Endpoint::bind(&settings).unwrap())
}

/// What a request was.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Request {
    line: String,
    bearer: Option<String>,
    body: String,
}

type Reply = Box<dyn FnMut(&Request) -> String + Send>;

/// A server that answers each request as told, and tells of it.
fn serve(mut reply: Reply) -> (SocketAddr, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, requests) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            if answer(stream.unwrap(), &mut reply, &sender).is_none() {
                return;
            }
        }
    });
    (address, requests)
}

fn answer(mut stream: TcpStream, reply: &mut Reply, sender: &Sender<Request>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut request = Request {
        line: String::new(),
        bearer: None,
        body: String::new(),
    };
    reader.read_line(&mut request.line).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ")?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => request.bearer = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).ok()?;
    request.line.truncate(request.line.trim_end().len());
    let text = reply(&request);
    stream.write_all(text.as_bytes()).ok()?;
    sender.send(request).ok()
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Offers from an endpoint; the viewers they bring are handed out.
fn source(
    endpoint: Arc<Endpoint>,
    viewers: Sender<Viewer>,
) -> impl Fn(&LinkSettings) -> Result<(String, Link), NoOffer> {
    move |settings| {
        let (offer, mut link) = endpoint
            .offer(settings)
            .map_err(|error| NoOffer::NotNow(error.to_string()))?;
        // Nobody may be left to take it.
        let _ = viewers.send(link.take_viewer().unwrap());
        Ok((offer, link))
    }
}

fn target(url: String) -> Target {
    Target {
        url,
        bearer: Some("secret".to_owned()),
    }
}

async fn until(publisher: &Publisher, what: impl Fn(&Status) -> bool) -> Status {
    for _ in 0..3_000 {
        if let Some(status) = publisher.list("s").into_iter().find(|s| what(s)) {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", publisher.list("s"));
}

#[tokio::test]
async fn packets_arrive_and_the_resource_is_deleted() {
    let (here, there) = (endpoint(), endpoint());
    let links = Arc::new(Mutex::new(Vec::new()));
    let (kept, server) = (links.clone(), there.clone());
    let (address, requests) = serve(Box::new(move |request| {
        if request.line.starts_with("DELETE") {
            return http("200 OK", "", "");
        }
        if request.line.starts_with("POST /moved") {
            return http("307 Temporary Redirect", "Location: /whip?k=1\r\n", "");
        }
        let settings = LinkSettings {
            hear: true,
            ..LinkSettings::default()
        };
        let (answer, link) = server.answer(&request.body, &settings).unwrap();
        kept.lock().unwrap().push(link);
        http(
            "201 Created",
            "Location: r/1\r\nETag: \"x\"\r\n",
            &answer.sdp,
        )
    }));
    let publisher = Publisher::default();
    let (sender, viewers) = channel();
    let started = publisher
        .start(
            "s",
            target(format!("http://{address}/moved?token=q")),
            source(here, sender),
        )
        .unwrap();
    assert_eq!(started.url, format!("http://{address}/moved"));
    until(&publisher, |s| s.state == State::Publishing).await;

    let mut viewer = viewers.recv().unwrap();
    let mut microphone = links.lock().unwrap()[0].take_microphone().unwrap();
    let mut heard = Vec::new();
    for n in 0..3_000_i64 {
        let packet = Packet {
            track: Track::Audio,
            pts: MediaTime(n * HOP as i64),
            duration: HOP as i64,
            key: true,
            turn: Turn(0),
            data: Bytes::copy_from_slice(&n.to_be_bytes()),
        };
        viewer.write(&packet);
        tokio::time::sleep(Duration::from_millis(2)).await;
        heard.extend(microphone.take().map(|sound| sound.data));
        if heard.len() >= 50 {
            break;
        }
    }
    assert!(heard.len() >= 50, "{}", heard.len());
    assert!(heard.is_sorted());

    assert!(publisher.stop("s", &started.id));
    assert!(!publisher.stop("s", &started.id));
    assert_eq!(publisher.list("s"), []);
    let seen = tokio::task::spawn_blocking(move || requests.iter().take(3).collect::<Vec<_>>());
    let seen = seen.await.unwrap();
    let lines: Vec<&str> = seen.iter().map(|r| r.line.as_str()).collect();
    let expected = [
        "POST /moved?token=q HTTP/1.1",
        "POST /whip?k=1 HTTP/1.1",
        "DELETE /r/1 HTTP/1.1",
    ];
    assert_eq!(lines, expected);
    assert!(
        seen.iter()
            .all(|r| r.bearer.as_deref() == Some("Bearer secret"))
    );
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_a_refusal_is_final() {
    let mut count = 0;
    let (address, _requests) = serve(Box::new(move |_| {
        count += 1;
        match count {
            1 => http("503 Service Unavailable", "Retry-After: 0\r\n", "later"),
            _ => http("401 Unauthorized", "", "no\r\nsuch key"),
        }
    }));
    let publisher = Publisher::default();
    let (sender, _viewers) = channel();
    publisher
        .start(
            "s",
            target(format!("http://{address}/whip")),
            source(endpoint(), sender),
        )
        .unwrap();
    let status = until(&publisher, |s| s.state == State::Failed).await;
    assert_eq!(status.attempts, 2);
    assert_eq!(status.error.as_deref(), Some("it answered 401: nosuch key"));
}

#[tokio::test]
async fn redirects_end_and_lose_the_token_elsewhere() {
    let (other, at_other) = serve(Box::new(|_| http("403 Forbidden", "", "")));
    let (address, _requests) = serve(Box::new(move |request| {
        let to = if request.line.contains("loop") {
            "/loop".to_owned()
        } else {
            format!("http://{other}/")
        };
        http("308 Permanent Redirect", &format!("Location: {to}\r\n"), "")
    }));
    let publisher = Publisher::default();
    let (sender, _viewers) = channel();
    let here = endpoint();
    for path in ["loop", "away"] {
        let offer = source(here.clone(), sender.clone());
        publisher
            .start("s", target(format!("http://{address}/{path}")), offer)
            .unwrap();
        until(&publisher, |s| {
            s.url.ends_with(path) && s.state == State::Failed
        })
        .await;
    }
    assert_eq!(at_other.recv().unwrap().bearer, None);
}

#[tokio::test]
async fn what_cannot_be_started_is_refused_and_a_session_that_is_over_forgotten() {
    let publisher = Publisher::default();
    let start = |url: &str, bearer: Option<&str>, no: NoOffer| {
        let target = Target {
            url: url.to_owned(),
            bearer: bearer.map(str::to_owned),
        };
        publisher.start("s", target, move |_| Err(no.clone()))
    };
    let over = || NoOffer::Over;
    assert_eq!(start("file:///etc", None, over()), Err(StartError::Url));
    assert_eq!(start("nothing", None, over()), Err(StartError::Url));
    let header = start("http://a.example", Some("a\r\nb"), over());
    assert_eq!(header, Err(StartError::Bearer));
    let waits = || NoOffer::NotNow("full".to_owned());
    for _ in 0..MAX_PUSHES {
        start("http://a.example", None, waits()).unwrap();
    }
    assert_eq!(
        start("http://a.example", None, waits()),
        Err(StartError::TooMany)
    );
    let status = until(&publisher, |s| s.state == State::Retrying).await;
    assert_eq!(status.error.as_deref(), Some("full"));
    assert!(publisher.stop("s", &status.id));
    start("http://a.example", None, over()).unwrap();
    for _ in 0..500 {
        if publisher.list("s").is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", publisher.list("s"));
}
