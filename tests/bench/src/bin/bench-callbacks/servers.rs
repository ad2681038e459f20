//! Implementations answer the same deliveries as HTTP servers, in turns, on one core; the
//! load comes from another core. The processor time of the server counts.

use crate::corpus::{self, Case, Mode};
use crate::race::RaceResult;
use crate::{pin, serve, table};
use bench::{Failure, markdown, print_line, processes};
use futures_util::future::try_join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use interop::peer::Environment;
use serde::Deserialize;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// Concurrent connections, as from a proxy in front of a server.
const CONNECTIONS: usize = 16;
/// Measured rounds, after one to warm up.
const TURNS_EACH: usize = 6;
/// The duration of a turn.
const TURN: Duration = Duration::from_millis(1500);
/// The goal, as a multiple of the best of the others.
const GOAL_RATIO: f64 = 5.0;

/// A running server. Dropping it kills the process.
struct Server {
    name: String,
    child: Child,
    address: SocketAddr,
}

/// Measures all servers in all cases, and prints the results.
pub(crate) fn race(peers: &Environment, scripts: &Path, cases: &[Case]) -> Result<(), Failure> {
    let scripts = scripts.join("servers");
    let mut ours = Command::new(std::env::current_exe()?);
    ours.arg(serve::ARGUMENT);
    let servers = [
        ours,
        peers.with_node(&scripts.join("wechat.js")),
        peers.with_node(&scripts.join("co-wechat.js")),
        peers.with_python(&scripts.join("wechatpy.py")),
    ];
    let core = pin::to_one_core();
    let servers: Vec<Server> = servers.into_iter().map(Server::start).collect::<Result<_, _>>()?;
    let load = pin::to_other_cores();
    print_line(&format!(
        "{CONNECTIONS} connections; the servers run {core}, the load {load}. “ours ×” is the \
         median of the rounds’ ratios.\n"
    ));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    table::print_header(servers.iter().map(|server| server.name.as_str()));
    let mut goals = Vec::new();
    let mut remarks = Vec::new();
    for case in cases {
        let results = runtime.block_on(measure(&servers, case))?;
        goals.extend(table::print_row(case, &results).map(|ratio| (case.name, ratio)));
        for (server, result) in servers.iter().zip(results) {
            let remark = result.remark.map(|it| format!("- {}, {}: {it}", server.name, case.name));
            remarks.extend(remark);
        }
    }
    let request = Request::get(serve::EMPTY_PATH).header(header::HOST, "localhost");
    let request = [request.body(Full::default())?];
    let rates: Vec<f64> = (0..TURNS_EACH)
        .map(|_| runtime.block_on(servers[0].rate(&request)))
        .collect::<Result<_, _>>()?;
    let max = rates.into_iter().fold(0.0, f64::max);
    print_line(&format!(
        "\nOur listener gives an empty answer {} times a second, which is the limit for a URL \
         verification.\n",
        markdown::grouped(max)
    ));
    for (case, ratio) in goals {
        let goal = format!("{case}, {GOAL_RATIO} times the best of the others per core");
        markdown::print_goal(&goal, &format!("{ratio:.1}"), ratio >= GOAL_RATIO);
    }
    remarks.iter().for_each(|line| print_line(line));
    Ok(())
}

/// Measures the servers in one case, after checking their answers.
async fn measure(servers: &[Server], case: &Case) -> Result<Vec<RaceResult>, Failure> {
    let mut results = Vec::new();
    for server in servers {
        let answers = server.answers(case).await?;
        let wrong = |problem| format!("{} answers {} wrongly: {problem}", server.name, case.name);
        let remark = case.check(&answers).map_err(wrong)?;
        let remark = remark.map(|remark| format!("the reply is read as: {remark}"));
        results.push(RaceResult { rates: Vec::new(), remark });
    }
    let requests = requests(case);
    for round in 0..=TURNS_EACH {
        for (server, result) in servers.iter().zip(&mut results) {
            let rate = server.rate(&requests).await?;
            if round > 0 {
                result.rates.push(rate);
            }
        }
    }
    Ok(results)
}

impl Server {
    fn start(mut command: Command) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct ServerReady {
            name: String,
            runtime: String,
            port: u16,
        }
        command.arg(corpus::settings().to_string()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("it has no output")?).read_line(&mut line)?;
        let ready: ServerReady = serde_json::from_str(&line)
            .map_err(|_| format!("{command:?} did not print its port"))?;
        let address = (Ipv4Addr::LOCALHOST, ready.port).into();
        Ok(Self { name: format!("{} ({})", ready.name, ready.runtime), child, address })
    }

    /// The answers to the deliveries of a case.
    async fn answers(&self, case: &Case) -> Result<Vec<String>, Failure> {
        let mut answers = Vec::new();
        for request in &requests(case) {
            let answer = send(&mut self.connection().await?, request.clone()).await?;
            answers.push(String::from_utf8(answer.to_vec())?);
        }
        Ok(answers)
    }

    /// Messages per second of the server's processor time, over one turn.
    async fn rate(&self, requests: &[Request<Full<Bytes>>]) -> Result<f64, Failure> {
        let before = processes::usage_with_children(self.child.id()).processor_ms;
        let end = Instant::now() + TURN;
        let clients = (0..CONNECTIONS).map(|number| self.send_until(end, requests, number));
        let answered: usize = try_join_all(clients).await?.into_iter().sum();
        let spent = processes::usage_with_children(self.child.id()).processor_ms - before;
        Ok(answered as f64 / (spent / 1000.0))
    }

    /// One client that sends repeatedly. Returns the number of answers.
    async fn send_until(
        &self,
        end: Instant,
        requests: &[Request<Full<Bytes>>],
        first: usize,
    ) -> Result<usize, Failure> {
        let mut answered = 0;
        let mut connection = self.connection().await?;
        for request in requests.iter().cycle().skip(first) {
            // Some servers close the connection after each answer.
            if connection.ready().await.is_err() {
                connection = self.connection().await?;
            }
            send(&mut connection, request.clone()).await?;
            answered += 1;
            if Instant::now() >= end {
                break;
            }
        }
        Ok(answered)
    }

    async fn connection(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn send(
    connection: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Bytes, Failure> {
    let answer = connection.send_request(request).await?;
    if answer.status() != StatusCode::OK {
        return Err(format!("the server answered {}", answer.status()).into());
    }
    Ok(answer.into_body().collect().await?.to_bytes())
}

/// The deliveries of a case as HTTP requests. (None of the values needs percent-encoding.)
fn requests(case: &Case) -> Vec<Request<Full<Bytes>>> {
    let request = |delivery: &corpus::Delivery| {
        let query: Vec<_> =
            delivery.pairs().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder()
            .method(case.method)
            .uri(format!("/?{}", query.join("&")))
            .header(header::HOST, "localhost");
        let request = match case.mode {
            Mode::UrlVerification => request,
            Mode::Plain | Mode::Safe => request.header(header::CONTENT_TYPE, "text/xml"),
        };
        let body = Full::new(Bytes::from(delivery.body.clone()));
        request.body(body).expect("the address and headers are valid")
    };
    case.deliveries.iter().map(request).collect()
}
