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
    /// Passes each connection to `answer` after reading a request, and closes it afterwards.
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

/// An address without a listener.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn client(bases: &str) -> WeChatClient {
    WeChatClient::new(HttpClient::new().client(), bases).unwrap()
}

/// An answer with one field, which is required.
#[derive(Debug)]
struct Lifetime(u64);

impl ApiResponse for Lifetime {
    fn read(fields: Fields<'_>) -> Result<Self, MissingField> {
        fields.number("expires_in").map(Self).ok_or(MissingField("expires_in"))
    }
}

async fn get(client: &WeChatClient) -> Result<Lifetime, CallError> {
    client.get("/cgi-bin/token", &[("secret", "a-secret")]).await
}

#[tokio::test]
async fn unsent_call_fails_over_to_the_next_host_and_later_calls_begin_there() {
    let server = Server::answering("200 OK", r#"{"expires_in":7200}"#);
    let client = client(&format!("{},{}", closed(), server.url()));
    assert_eq!(get(&client).await.unwrap().0, 7200);
    assert_eq!(client.hosts.candidates(Instant::now()).next().unwrap().0, 1);
    get(&client.clone()).await.unwrap();
    assert_eq!(server.requests(), 2);
}

/// Fault 37.
#[tokio::test]
async fn call_without_a_connection_is_not_sent() {
    let (one, other) = (closed(), closed());
    let error = get(&client(&format!("{one},{other}"))).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent { .. }), "{error}");
    let text = error.to_string();
    assert_eq!(text.matches("127.0.0.1: ").count(), 2, "{text}");
    assert!(!text.contains("a-secret"), "{text}");
}

/// Fault 37.
#[tokio::test]
async fn host_without_tls_gets_nothing() {
    let plain = Server::answering("200 OK", "{}");
    let good = Server::answering("200 OK", r#"{"expires_in":7200}"#);
    let bases = format!("https://{},https://host.invalid,{}", plain.address, good.url());
    assert_eq!(get(&client(&bases)).await.unwrap().0, 7200);
}

#[tokio::test]
async fn call_that_may_have_been_sent_does_not_fail_over() {
    let other = Server::answering("200 OK", "{}");
    let cut = Server::start(|_| ());
    let error = get(&client(&format!("{},{}", cut.url(), other.url()))).await.unwrap_err();
    assert!(matches!(error, CallError::Unknown { .. }), "{error}");
    assert!(!error.to_string().contains("a-secret"), "{error}");
    assert_eq!((cut.requests(), other.requests()), (1, 0));
}

/// Fault 78.
#[tokio::test]
async fn redirect_is_not_followed() {
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
async fn unreadable_response_leaves_the_result_unknown() {
    for (status, body) in [
        ("200 OK", "<html><body>Please wait</body></html>"),
        ("200 OK", ""),
        ("200 OK", "[]"),
        ("200 OK", "{}"),
        ("200 OK", r#"{"expires_in":null}"#),
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
async fn response_is_read_up_to_its_maximum_size() {
    let answer = |spaces: usize| format!(r#"{{"expires_in":{}7200}}"#, " ".repeat(spaces));
    let fits = Server::answering("200 OK", &answer(MAX_RESPONSE_BYTES - answer(0).len()));
    assert_eq!(get(&client(&fits.url())).await.unwrap().0, 7200);
    let too_long = Server::answering("200 OK", &answer(MAX_RESPONSE_BYTES - answer(0).len() + 1));
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
async fn call_times_out_after_four_seconds_of_a_slow_response() {
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
    assert!(took >= CALL_TIMEOUT && took < CALL_TIMEOUT + Duration::from_secs(1), "{took:?}");
    assert_eq!(other.requests(), 0);
}
