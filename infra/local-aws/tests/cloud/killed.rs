//! However the runner ends, none of its processes remains.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::test_stack::{TestStack, eventually, function, is_gone, process_in};

/// Starts the real program and reads its addresses.
fn run(stack: &TestStack) -> (Child, Vec<u16>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_local-aws"))
        .args(["run", "--memory", "--http-port", "0", "--aws-port", "0"])
        .arg(stack.template())
        .arg("--binaries")
        .arg(stack.folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = |line: String| {
        line.rsplit("127.0.0.1:").next().unwrap().split(' ').next().unwrap().parse().unwrap()
    };
    let ports = (0..2).map(|_| port(lines.next().unwrap().unwrap())).collect();
    // The program continues to print; the pipe has to be drained.
    std::thread::spawn(move || lines.for_each(drop));
    (child, ports)
}

/// Invokes without waiting for the answer.
fn invoke(port: u16, function: &str, event: &serde_json::Value) -> std::net::TcpStream {
    use std::io::Write;
    let body = event.to_string();
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        socket,
        "POST /2015-03-31/functions/{function}/invocations HTTP/1.1\r\nHost: localhost\r\nAuthorization: any\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    socket
}

async fn dies_with_everything(signal: Signal) {
    let stack = TestStack::new(
        &["one", "two", "three"],
        &["one", "two", "three"].map(|name| function(name, "      Timeout: 600\n")).concat(),
    );
    let (mut runner, ports) = run(&stack);
    // One is idle, one is busy for ever, one is stuck.
    let events = [
        ("one", json!({ "touch": stack.path("idle") })),
        ("two", json!({ "touch": stack.path("busy"), "until": stack.path("never") })),
        ("three", json!({ "touch": stack.path("stuck"), "stuck": true })),
    ];
    let sockets: Vec<_> =
        events.iter().map(|(name, event)| invoke(ports[1], name, event)).collect();
    let mut processes = Vec::new();
    for name in ["idle", "busy", "stuck"] {
        processes.push(process_in(&stack.path(name)).await);
    }
    assert!(processes.iter().all(|process| !is_gone(*process)));

    let id = Pid::from_raw(i32::try_from(runner.id()).unwrap()).unwrap();
    kill_process(id, signal).unwrap();
    eventually(|| runner.try_wait().unwrap().is_some()).await;
    eventually(|| processes.iter().all(|process| is_gone(*process))).await;
    drop(sockets);
    // A connection in TIME_WAIT doesn't keep std from binding again.
    eventually(|| ports.iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())).await;
}

#[tokio::test]
async fn killed_without_warning() {
    dies_with_everything(Signal::KILL).await;
}

#[tokio::test]
async fn interrupted() {
    dies_with_everything(Signal::INT).await;
}

#[tokio::test]
async fn terminated() {
    dies_with_everything(Signal::TERM).await;
}

/// A test that panics drops its cloud; that must be enough.
#[tokio::test]
async fn dropped() {
    let stack = TestStack::new(&["one"], &function("one", "      Timeout: 600\n"));
    let cloud = stack.start().await;
    let stuck = json!({ "touch": stack.path("stuck"), "stuck": true });
    let path = stack.path("stuck");
    let begun = tokio::select! {
        _ = cloud.invoke("one", &stuck) => panic!("it isn't stuck"),
        process = process_in(&path) => process,
    };
    let guards = cloud.processes();
    drop(cloud);
    tokio::time::timeout(Duration::from_secs(30), eventually(|| is_gone(begun))).await.unwrap();
    eventually(|| guards.iter().all(|process| is_gone(u64::from(*process)))).await;
}
