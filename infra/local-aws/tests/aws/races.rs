//! Compare and set: of clients that race for one item one wins, and the others are refused.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use serde_json::json;
use tokio::sync::Barrier;

use crate::dynamodb::{number, text};
use crate::endpoint::Endpoint;

/// The number of rounds unless `RACES` sets another; `make races` has 100,000.
const DEFAULT_ROUNDS: usize = 1_000;
/// The number of clients in a round, each over a connection of its own.
const RACERS: usize = 2;
/// The number of rounds under way at once, each about items of its own.
const WORKERS: usize = 8;
const TABLE: &str = "races";

type Item = std::collections::HashMap<String, AttributeValue>;

/// The outcome of one attempt.
#[derive(Debug)]
enum RaceOutcome {
    Won,
    /// With the item that the condition was not true of.
    Lost(Item),
}

/// What is raced with.
#[derive(Clone, Copy, Debug)]
enum Race {
    /// A put, if nothing is there.
    Put,
    /// An update of a version that has been read.
    Update,
    /// The same in a transaction, which also writes a log and checks a condition.
    Transaction,
}

const RACES: [Race; 3] = [Race::Put, Race::Update, Race::Transaction];

fn key(worker: usize, row: &str) -> Item {
    Item::from([("worker".to_owned(), text(&format!("{worker}"))), ("row".to_owned(), text(row))])
}

/// An attempt to be the one who sets the item of a round.
struct Attempt {
    race: Race,
    worker: usize,
    round: usize,
    racer: usize,
}

const ALL_OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

impl Attempt {
    /// Where the round's winner stands.
    fn key(&self) -> Item {
        match self.race {
            Race::Put => key(self.worker, &format!("put#{:06}", self.round)),
            Race::Update => key(self.worker, "update"),
            Race::Transaction => key(self.worker, "transaction"),
        }
    }

    async fn make(&self, client: &Client) -> RaceOutcome {
        match self.race {
            Race::Put => self.put(client).await,
            Race::Update => self.update(client).await,
            Race::Transaction => self.transact(client).await,
        }
    }

    async fn put(&self, client: &Client) -> RaceOutcome {
        let put = client.put_item().table_name(TABLE).set_item(Some(self.key()));
        let put = put.item("holder", number(self.racer as u64));
        let put = put.item("version", number(self.round as u64 + 1));
        let put = put.condition_expression("attribute_not_exists(worker)");
        let put = put.return_values_on_condition_check_failure(ALL_OLD).send().await;
        outcome(put, |error| match error {
            PutItemError::ConditionalCheckFailedException(failed) => failed.item,
            _ => None,
        })
    }

    async fn update(&self, client: &Client) -> RaceOutcome {
        let update = client.update_item().table_name(TABLE).set_key(Some(self.key()));
        let update = update.update_expression(SET).condition_expression(UNCHANGED);
        let update = update.set_expression_attribute_values(Some(self.values()));
        let update = update.return_values_on_condition_check_failure(ALL_OLD).send().await;
        outcome(update, |error| match error {
            UpdateItemError::ConditionalCheckFailedException(failed) => failed.item,
            _ => None,
        })
    }

    async fn transact(&self, client: &Client) -> RaceOutcome {
        let may =
            ConditionCheck::builder().table_name(TABLE).set_key(Some(key(self.worker, "gate")));
        let may = may.condition_expression("attribute_exists(worker)").build().unwrap();
        let update = Update::builder().table_name(TABLE).set_key(Some(self.key()));
        let update = update.update_expression(SET).condition_expression(UNCHANGED);
        let update = update.set_expression_attribute_values(Some(self.values()));
        let update = update.return_values_on_condition_check_failure(ALL_OLD).build().unwrap();
        // Each racer writes a different row, so that nothing but the condition
        // above can stop the second.
        let row = format!("log#{:06}#{}", self.round, self.racer);
        let put = Put::builder().table_name(TABLE).set_item(Some(key(self.worker, &row)));
        let put = put.condition_expression("attribute_not_exists(worker)").build().unwrap();
        let done = client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().condition_check(may).build())
            .transact_items(TransactWriteItem::builder().update(update).build())
            .transact_items(TransactWriteItem::builder().put(put).build())
            .send()
            .await;
        outcome(done, |error| {
            let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
                return None;
            };
            let reasons = cancelled.cancellation_reasons.unwrap_or_default();
            let codes: Vec<_> = reasons.iter().filter_map(|reason| reason.code()).collect();
            assert_eq!(codes, ["None", "ConditionalCheckFailed", "None"]);
            reasons.into_iter().nth(1)?.item
        })
    }

    fn values(&self) -> Item {
        let version = self.round as u64;
        Item::from([
            (":seen".to_owned(), number(version)),
            (":next".to_owned(), number(version + 1)),
            (":racer".to_owned(), number(self.racer as u64)),
        ])
    }
}

const SET: &str = "SET version = :next, holder = :racer";
const UNCHANGED: &str = "version = :seen";

/// The outcome of an attempt; any other error than a refused condition panics.
fn outcome<T: Debug, E: Debug, R: Debug>(
    done: Result<T, aws_sdk_dynamodb::error::SdkError<E, R>>,
    refused: impl FnOnce(E) -> Option<Item>,
) -> RaceOutcome {
    match done {
        Ok(_) => RaceOutcome::Won,
        Err(aws_sdk_dynamodb::error::SdkError::ServiceError(error)) => {
            let error = error.into_err();
            let told = format!("{error:?}");
            RaceOutcome::Lost(refused(error).unwrap_or_else(|| panic!("{told}")))
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// What the rounds of a worker came to.
#[derive(Default)]
struct Tally {
    /// How often each racer has won.
    won: [usize; RACERS],
    /// In how many rounds all were under way at once.
    contested: usize,
    /// Who won the rounds of each race.
    winners: [Vec<usize>; RACES.len()],
}

/// The racers of one worker, and what they came to.
async fn race(worker: usize, rounds: usize, clients: Vec<Client>) -> Tally {
    let mut tally = Tally::default();
    for at in 0..rounds {
        let (kind, round) = (RACES[at % RACES.len()], at / RACES.len());
        let together = Arc::new(Barrier::new(RACERS));
        let racers: Vec<_> = (clients.iter().cloned().enumerate())
            .map(|(racer, client)| {
                let together = together.clone();
                tokio::spawn(async move {
                    let attempt = Attempt { race: kind, worker, round, racer };
                    together.wait().await;
                    let begun = Instant::now();
                    let outcome = attempt.make(&client).await;
                    (outcome, begun, Instant::now())
                })
            })
            .collect();
        let mut attempts = Vec::new();
        for racer in racers {
            attempts.push(racer.await.unwrap());
        }
        let last_begun = attempts.iter().map(|(_, begun, _)| begun).max();
        let first_ended = attempts.iter().map(|(_, _, ended)| ended).min();
        tally.contested += usize::from(last_begun < first_ended);

        let outcomes = attempts.iter().map(|(outcome, ..)| outcome);
        let winners: Vec<_> = outcomes
            .clone()
            .enumerate()
            .filter_map(|(racer, outcome)| matches!(outcome, RaceOutcome::Won).then_some(racer))
            .collect();
        let [winner] = winners[..] else { panic!("{kind:?} of round {round}: won by {winners:?}") };
        // The losers were shown what the winner had set.
        for outcome in outcomes {
            if let RaceOutcome::Lost(found) = outcome {
                assert_eq!(found["holder"], number(winner as u64), "{kind:?} of round {round}");
                assert_eq!(found["version"], number(round as u64 + 1), "{kind:?} of round {round}");
            }
        }
        tally.won[winner] += 1;
        tally.winners[at % RACES.len()].push(winner);
    }
    tally
}

/// The rows of a worker whose names begin so, in order.
async fn rows(client: &Client, worker: usize, prefix: &str) -> Vec<Item> {
    let pages = client
        .query()
        .table_name(TABLE)
        .consistent_read(true)
        .key_condition_expression("worker = :worker AND begins_with(#row, :prefix)")
        .expression_attribute_names("#row", "row")
        .expression_attribute_values(":worker", text(&worker.to_string()))
        .expression_attribute_values(":prefix", text(prefix));
    let pages = pages.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    pages.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "`make races` sets the number of rounds")]
async fn every_race_is_won_by_one() {
    let rounds = std::env::var("RACES").ok().filter(|it| !it.is_empty());
    let rounds = rounds.map_or(DEFAULT_ROUNDS, |it| it.parse().expect("RACES is a number"));
    let endpoint = Endpoint::start().await;
    let definition = json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "worker", "AttributeType": "S"},
            {"AttributeName": "row", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "worker", "KeyType": "HASH"},
            {"AttributeName": "row", "KeyType": "RANGE"},
        ],
    });
    endpoint.aws.dynamodb.create_table(&definition).unwrap();
    let client = endpoint.dynamodb();
    let begun = Instant::now();
    let mut workers = Vec::new();
    for worker in 0..WORKERS {
        for row in ["gate", "update", "transaction"] {
            let put = client.put_item().table_name(TABLE).set_item(Some(key(worker, row)));
            put.item("version", number(0)).send().await.unwrap();
        }
        let clients = (0..RACERS).map(|_| endpoint.dynamodb_apart()).collect();
        workers.push(tokio::spawn(race(worker, rounds.div_ceil(WORKERS), clients)));
    }
    let (mut won, mut contested, mut raced) = ([0; RACERS], 0, 0);
    for (worker, tally) in workers.into_iter().enumerate() {
        let tally = tally.await.unwrap();
        // What every round has left is its winner's.
        let [puts, updates, transactions] = &tally.winners;
        let all = |rows: Vec<Item>, name: &str| -> Vec<_> {
            rows.iter().map(|row| row[name].clone()).collect()
        };
        let holders = all(rows(&client, worker, "put#").await, "holder");
        let expected: Vec<_> = puts.iter().map(|racer| number(*racer as u64)).collect();
        assert_eq!(holders, expected);
        let logs = all(rows(&client, worker, "log#").await, "row");
        let expected = transactions.iter().enumerate();
        let expected: Vec<_> =
            expected.map(|(round, racer)| text(&format!("log#{round:06}#{racer}"))).collect();
        assert_eq!(logs, expected);
        for (row, winners) in [("update", updates), ("transaction", transactions)] {
            let set = &rows(&client, worker, row).await[0];
            assert_eq!(set["version"], number(winners.len() as u64));
            assert_eq!(set["holder"], number(winners[winners.len() - 1] as u64));
        }
        raced += tally.won.iter().sum::<usize>();
        contested += tally.contested;
        won.iter_mut().zip(tally.won).for_each(|(all, here)| *all += here);
    }
    println!(
        "{raced} races in {:.1?}, {contested} of them contested; won by {won:?}",
        begun.elapsed()
    );
    // Otherwise they raced one after the other, and there was nothing to see.
    assert!(contested * 2 > raced, "{contested} of {raced} races had everybody on the way at once");
    assert!(won.iter().all(|won| won * 20 > raced), "one racer hardly ever wins: {won:?}");
}
