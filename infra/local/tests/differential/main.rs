//! The local DynamoDB and another implementation give the same answers to random requests.
//!
//! The other one is ministack's, which `make interop` also deploys into. moto, which is
//! better known, was tried as well: it keeps `007` as a number, takes a key of the wrong
//! type into an index, doesn't give the old item of a deletion, and fails with 500 when
//! `size` is asked of nothing. ministack did all of that as AWS documents it.
//!
//! `DIFFERENTIAL_STEPS` is the number of requests, and `DIFFERENTIAL_SEED` the seed of
//! their generator.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod answer;
// The random numbers of the crash run, which repeat with their seed.
mod known;
mod ministack;
#[path = "../../../../tests/e2e/crash/random.rs"]
mod random;
mod request;
mod table;
mod words;

use axum::body::Bytes;
use local_aws::services::lambda::{BoxFuture, FunctionResponse, FunctionSummary, InvokeError};
use local_aws::services::{Aws, Callers, Invoke};
use std::sync::Arc;

use answer::Side;
use ministack::Ministack;
use request::{Request, Requests};
use serde_json::{Value, json};
use shared::config::optional;
use std::collections::BTreeMap;
use table::Table;

/// The number of requests, unless `DIFFERENTIAL_STEPS` sets another.
const DEFAULT_STEPS: usize = 20_000;
/// After this number of requests, all tables are compared.
const COMPARE_INTERVAL: usize = 200;

/// The two, with the same tables.
struct Both {
    ours: Side,
    theirs: Side,
    tables: Vec<Table>,
}

impl Both {
    /// Both answers, if they differ.
    async fn differ(&self, request: &Request) -> Option<(Value, Value)> {
        let ours = self.ours.answer(request, &self.tables).await;
        let theirs = self.theirs.answer(request, &self.tables).await;
        (!answer::is_same(&ours, &theirs)).then_some((ours, theirs))
    }

    /// A table of the two in which something is different.
    async fn differing_table(&self) -> Option<(&Table, Value, Value)> {
        for table in &self.tables {
            let scan = Request { operation: "Scan", body: json!({ "TableName": table.name }) };
            if let Some((ours, theirs)) = self.differ(&scan).await {
                return Some((table, ours, theirs));
            }
        }
        None
    }
}

/// There are no functions.
struct NoFunctions;

impl Invoke for NoFunctions {
    fn invoke(&self, _: &str, _: Bytes) -> BoxFuture<'_, Result<FunctionResponse, InvokeError>> {
        Box::pin(async { Err(InvokeError::NotFound) })
    }

    fn list(&self) -> Vec<FunctionSummary> {
        Vec::new()
    }
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = optional(name)?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it needs ministack; `make interop` runs it"]
async fn another_dynamodb_answers_the_same() {
    let seed = number("DIFFERENTIAL_SEED").unwrap_or_else(|| shared::jitter::random_u32().into());
    let steps =
        number("DIFFERENTIAL_STEPS").map_or(DEFAULT_STEPS, |it| usize::try_from(it).unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let aws = Aws::open(None).unwrap();
    let server = aws.serve(listener, Callers::default(), Arc::new(NoFunctions)).await.unwrap();
    let url = format!("http://{}", server.address());
    let client = shared::http::HttpClient::new().client();
    let ministack = Ministack::start(&client).await;
    let both = Both {
        ours: Side { client: client.clone(), url, keeps_zeroes: false },
        theirs: Side { client, url: ministack.url.clone(), keeps_zeroes: true },
        tables: table::all(),
    };
    for table in &both.tables {
        for side in [&both.ours, &both.theirs] {
            let (status, answer) = side.send("CreateTable", &table.definition).await;
            assert_eq!(status, 200, "{answer}");
        }
    }
    let mut requests = Requests::new(seed, &both.tables);
    let (mut asked, mut refused) = (BTreeMap::<_, usize>::new(), 0);
    let mut known = BTreeMap::<&str, usize>::new();
    for step in 0..steps {
        let request = requests.next();
        *asked.entry(request.operation).or_default() += 1;
        let told = |ours: &Value, theirs: &Value| {
            format!(
                "to go there again: DIFFERENTIAL_SEED={seed} DIFFERENTIAL_STEPS={}\n\
                 {} {:#}\nours: {ours:#}\ntheirs: {theirs:#}",
                step + 1,
                request.operation,
                request.body,
            )
        };
        let ours = both.ours.answer(&request, &both.tables).await;
        let theirs = both.theirs.answer(&request, &both.tables).await;
        refused += usize::from(ours.get("code").is_some());
        if !answer::is_same(&ours, &theirs) {
            let Some(difference) = known::difference(&request, &both.tables, &ours, &theirs) else {
                panic!("{}", told(&ours, &theirs));
            };
            *known.entry(difference).or_default() += 1;
        }
        if (step % COMPARE_INTERVAL == COMPARE_INTERVAL - 1 || step == steps - 1)
            && let Some((table, ours, theirs)) = both.differing_table().await
        {
            panic!("{} holds something else\n{}", table.name, told(&ours, &theirs));
        }
    }
    println!("{steps} requests by the seed {seed}, of which {refused} were refused: {asked:?}");
    println!("known differences: {known:#?}");
    // What is refused says little, so most must not be.
    assert!(refused * 2 < steps, "{refused} of {steps} were refused");
    server.stop().await;
}
