//! Everybody answers the same deliveries as an HTTP server, in turns, all on one core,
//! with the load from another one. What counts is the time that the core spends on a
//! server, not how fast the load comes.

use crate::corpus::{self, Case, Mode};
use crate::race::Outcome;
use crate::{pin, serve, table};
use futures_util::future::try_join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use interop::peer::Environment;
use measuring::{processes, table as markdown};
use serde::Deserialize;
use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// So many connections at once, as a proxy in front of a server keeps.
const CONNECTIONS: usize = 16;
/// Rounds that count, after one in which everybody gets warm.
const ROUNDS: usize = 6;
/// How long a turn lasts.
const TURN: Duration = Duration::from_millis(1500);
/// So many times as much as the best of the others is aimed at.
const GOAL: f64 = 5.0;

/// A server that is running. It ends when this is dropped.
struct Server {
    name: String,
    child: Child,
    address: SocketAddr,
}

/// Has everybody answer everything, and prints it.
pub(crate) fn race(
    peers: &Environment,
    scripts: &Path,
    cases: &[Case],
) -> Result<(), Box<dyn Error>> {
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
    let load = pin::to_the_others();
    measuring::say(&format!(
        "{CONNECTIONS} connections; the servers run {core}, the load {load}. What stands under \
         “ours ×” is the middle of the rounds’ ratios.\n"
    ));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    table::head(servers.iter().map(|server| server.name.as_str()));
    let mut goals = Vec::new();
    let mut remarks = Vec::new();
    for case in cases {
        let outcomes = runtime.block_on(everybody(&servers, case))?;
        goals.extend(table::row(case, &outcomes).map(|ratio| (case.name, ratio)));
        for (server, outcome) in servers.iter().zip(outcomes) {
            let remark = outcome.remark.map(|it| format!("- {}, {}: {it}", server.name, case.name));
            remarks.extend(remark);
        }
    }
    let nothing = Request::get(serve::NOTHING).header(header::HOST, "localhost");
    let nothing = [nothing.body(Full::default())?];
    let rates: Vec<f64> = (0..ROUNDS)
        .map(|_| runtime.block_on(servers[0].rate(&nothing)))
        .collect::<Result<_, _>>()?;
    let most = rates.into_iter().fold(0.0, f64::max);
    measuring::say(&format!(
        "\nAn empty answer, for which nothing is done, our listener gives {} times a second: \
         more than that no greeting could be answered.\n",
        markdown::grouped(most)
    ));
    for (case, ratio) in goals {
        let goal = format!("{case}, {GOAL} times the best of the others per core");
        markdown::goal(&goal, &format!("{ratio:.1}"), ratio >= GOAL);
    }
    remarks.iter().for_each(|line| measuring::say(line));
    Ok(())
}

/// Lets everybody answer the deliveries of one case. That they are the right answers is
/// checked before any of them is timed.
async fn everybody(servers: &[Server], case: &Case) -> Result<Vec<Outcome>, Box<dyn Error>> {
    let mut outcomes = Vec::new();
    for server in servers {
        let answers = server.answers(case).await?;
        let wrong =
            |problem| format!("{} doesn't do the work of {}: {problem}", server.name, case.name);
        let remark = case.check(&answers).map_err(wrong)?;
        let remark = remark.map(|remark| format!("the reply is read as: {remark}"));
        outcomes.push(Outcome { rates: Vec::new(), remark });
    }
    let requests = requests(case);
    for round in 0..=ROUNDS {
        for (server, outcome) in servers.iter().zip(&mut outcomes) {
            let rate = server.rate(&requests).await?;
            if round > 0 {
                outcome.rates.push(rate);
            }
        }
    }
    Ok(outcomes)
}

impl Server {
    fn start(mut command: Command) -> Result<Self, Box<dyn Error>> {
        #[derive(Deserialize)]
        struct Ready {
            name: String,
            runtime: String,
            port: u16,
        }
        command.arg(corpus::settings().to_string()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("it has no output")?).read_line(&mut line)?;
        let ready: Ready = serde_json::from_str(&line)
            .map_err(|_| format!("{command:?} has not said where it listens"))?;
        let address = (Ipv4Addr::LOCALHOST, ready.port).into();
        Ok(Self { name: format!("{} ({})", ready.name, ready.runtime), child, address })
    }

    /// What every delivery of a case is answered.
    async fn answers(&self, case: &Case) -> Result<Vec<String>, Box<dyn Error>> {
        let mut answers = Vec::new();
        for request in &requests(case) {
            let answer = send(&mut self.connection().await?, request.clone()).await?;
            answers.push(String::from_utf8(answer.to_vec())?);
        }
        Ok(answers)
    }

    /// Messages for each second that a core has spent on this server, over one turn.
    async fn rate(&self, requests: &[Request<Full<Bytes>>]) -> Result<f64, Box<dyn Error>> {
        let before = processes::family(self.child.id()).processor;
        let end = Instant::now() + TURN;
        let clients = (0..CONNECTIONS).map(|number| self.until(end, requests, number));
        let answered: usize = try_join_all(clients).await?.into_iter().sum();
        let spent = processes::family(self.child.id()).processor - before;
        Ok(answered as f64 / (spent / 1000.0))
    }

    /// One client, who asks again and again: how often it was answered.
    async fn until(
        &self,
        end: Instant,
        requests: &[Request<Full<Bytes>>],
        first: usize,
    ) -> Result<usize, Box<dyn Error>> {
        let mut answered = 0;
        let mut connection = self.connection().await?;
        for request in requests.iter().cycle().skip(first) {
            // Some servers hang up after each answer.
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

    async fn connection(&self) -> Result<SendRequest<Full<Bytes>>, Box<dyn Error>> {
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
) -> Result<Bytes, Box<dyn Error>> {
    let answer = connection.send_request(request).await?;
    if answer.status() != StatusCode::OK {
        return Err(format!("refused: {}", answer.status()).into());
    }
    Ok(answer.into_body().collect().await?.to_bytes())
}

/// The deliveries of a case, as WeChat sends them. (None of their values has to be
/// percent-encoded.)
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
        request.body(body).expect("an address and headers that are")
    };
    case.deliveries.iter().map(request).collect()
}
