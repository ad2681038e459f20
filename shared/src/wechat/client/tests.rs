//! The client against little servers that answer what WeChat never should.

use super::*;
use crate::http::HttpClient;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A server, for as long as the test runs.
struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// Hands each connection over when a request has been read from it, and
    /// closes it afterwards.
    fn start(answer: impl Fn(&mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut buffer) {
                        Ok(0) | Err(_) => break,
                        Ok(read) => request.extend_from_slice(&buffer[..read]),
                    }
                }
                if !request.is_empty() {
                    count.fetch_add(1, Ordering::SeqCst);
                    answer(&mut stream);
                }
            }
        });
        Self { address, requests }
    }

    fn answering(status: &str, body: &str) -> Self {
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
        Self::start(move |stream| stream.write_all(answer.as_bytes()).unwrap())
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// An address where nobody listens.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn client(bases: &str) -> WeChatClient {
    WeChatClient::new(HttpClient::new().client(), bases).unwrap()
}

async fn get(client: &WeChatClient) -> Result<serde_json::Value, CallError> {
    client.get("/cgi-bin/token", &[("secret", "a-secret")]).await
}

#[tokio::test]
async fn a_call_that_was_not_sent_is_made_at_the_next_host_and_so_are_those_after_it() {
    let server = Server::answering("200 OK", r#"{"expires_in":7200}"#);
    let client = client(&format!("{},{}", closed(), server.url()));
    assert_eq!(get(&client).await.unwrap()["expires_in"], 7200);
    assert_eq!(client.hosts.candidates(Instant::now()).next().unwrap().0, 1);
    get(&client.clone()).await.unwrap();
    assert_eq!(server.requests(), 2);
}

/// Fault 37.
#[tokio::test]
async fn without_any_connection_a_call_was_not_sent() {
    let (one, other) = (closed(), closed());
    let error = get(&client(&format!("{one},{other}"))).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent { .. }), "{error}");
    let text = error.to_string();
    assert_eq!(text.matches("127.0.0.1: ").count(), 2, "{text}");
    assert!(!text.contains("a-secret"), "{text}");
}

/// Fault 37.
#[tokio::test]
async fn a_host_that_does_not_speak_tls_was_sent_nothing() {
    let plain = Server::answering("200 OK", "{}");
    let good = Server::answering("200 OK", r#"{"expires_in":7200}"#);
    let bases = format!("https://{},https://host.invalid,{}", plain.address, good.url());
    assert_eq!(get(&client(&bases)).await.unwrap()["expires_in"], 7200);
}

#[tokio::test]
async fn a_call_that_may_have_been_sent_is_made_nowhere_else() {
    let other = Server::answering("200 OK", "{}");
    let cut = Server::start(|_| ());
    let error = get(&client(&format!("{},{}", cut.url(), other.url()))).await.unwrap_err();
    assert!(matches!(error, CallError::Unknown { .. }), "{error}");
    assert!(!error.to_string().contains("a-secret"), "{error}");
    assert_eq!((cut.requests(), other.requests()), (1, 0));
}

/// Fault 78.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::answering("200 OK", r#"{"expires_in":7200}"#);
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
        let location = elsewhere.url();
        let answer =
            format!("HTTP/1.1 {status}\r\nLocation: {location}/x\r\nContent-Length: 0\r\n\r\n");
        let redirect = Server::start(move |stream| stream.write_all(answer.as_bytes()).unwrap());
        let error = get(&client(&redirect.url())).await.unwrap_err();
        assert!(matches!(error, CallError::Unknown { .. }), "{error}");
        assert!(error.to_string().contains(&status[..3]), "{error}");
    }
    assert_eq!(elsewhere.requests(), 0);
}

#[tokio::test]
async fn what_is_no_answer_of_wechats_leaves_the_call_unknown() {
    for (status, body) in [
        ("200 OK", "<html><body>Please wait</body></html>"),
        ("200 OK", ""),
        ("200 OK", "[]"),
        ("502 Bad Gateway", r#"{"errcode":0}"#),
        ("412 Precondition Failed", ""),
    ] {
        let server = Server::answering(status, body);
        let error = get(&client(&server.url())).await.unwrap_err();
        assert!(matches!(error, CallError::Unknown { .. }), "{status} {body:?}: {error}");
    }
}

/// Fault 54.
#[tokio::test]
async fn an_answer_is_read_up_to_its_largest_size() {
    let answer = |spaces: usize| format!(r#"{{"expires_in":{}7200}}"#, " ".repeat(spaces));
    let fits = Server::answering("200 OK", &answer(LARGEST_ANSWER - answer(0).len()));
    assert_eq!(get(&client(&fits.url())).await.unwrap()["expires_in"], 7200);
    let too_long = Server::answering("200 OK", &answer(LARGEST_ANSWER - answer(0).len() + 1));
    let error = get(&client(&too_long.url())).await.unwrap_err();
    assert!(matches!(error, CallError::Unknown { .. }), "{error}");

    // Two megabytes: it hangs up long before the end.
    let (told, mut written) = tokio::sync::mpsc::unbounded_channel();
    let endless = Server::start(move |stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n");
        let mut bytes = 0;
        while bytes < 20_000_000 && stream.write_all(&[b' '; 16 * 1024]).is_ok() {
            bytes += 16 * 1024;
        }
        told.send(bytes).unwrap();
    });
    let error = get(&client(&endless.url())).await.unwrap_err();
    assert!(error.to_string().contains("longer than 65536 bytes"), "{error}");
    // The machine's buffers take some of it.
    let bytes = written.recv().await.unwrap();
    assert!(bytes < 20_000_000, "{bytes}");
}

/// Fault 35.
#[tokio::test]
async fn a_call_ends_after_four_seconds_however_slowly_it_is_answered() {
    // A connection that is made, and a first byte at once; then one byte a time.
    let slow = Server::start(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{");
        while stream.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let other = Server::answering("200 OK", "{}");
    let client = client(&format!("{},{},{}", closed(), slow.url(), other.url()));
    let begun = Instant::now();
    let error = get(&client).await.unwrap_err();
    assert!(matches!(error, CallError::Unknown { .. }), "{error}");
    let took = begun.elapsed();
    assert!(took >= TIMEOUT && took < TIMEOUT + Duration::from_secs(1), "{took:?}");
    assert_eq!(other.requests(), 0);
}
