//! Execution environments: one invocation at a time, as many as overlap, no
//! longer than allowed.

use std::{fs, time::Duration};

use local_aws::{
    Error, InvokeFailure,
    services::{Fault, ProcessCommand},
};
use serde_json::{Value, json};

use crate::test_stack::{
    MAY_PUT, ROWS, TestStack, client, eventually, function, is_gone, process, process_in,
};

fn error(failure: InvokeFailure) -> Value {
    match failure {
        InvokeFailure::Failed { error, .. } => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_function_finds_what_lambda_promises_and_nothing_else() {
    let stack = TestStack::new(
        &["one"],
        &function("one", "      Timeout: 7\n      Environment: { Variables: { COLOUR: red } }\n"),
    );
    let cloud = stack.start().await;
    let answer = cloud.invoke("one", &json!({ "x": 1 })).await.unwrap();
    assert_eq!(answer["event"], json!({ "x": 1 }));
    assert_eq!(answer["arn"], "arn:aws:lambda:us-east-1:000000000000:function:one");
    let environment = &answer["environment"];
    assert_eq!(environment["COLOUR"], "red");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "one");
    assert_eq!(environment["AWS_ACCESS_KEY_ID"], "AKIAone");
    assert_eq!(environment["AWS_ENDPOINT_URL"], format!("http://{}", cloud.aws()));
    assert_eq!(environment["AWS_REGION"], "us-east-1");
    assert_eq!(environment["_HANDLER"], "bootstrap");
    assert_eq!((environment.get("PATH"), environment.get("HOME")), (None, None));
    let lines = stack.lines();
    assert!(lines.contains(&"one: ready".to_owned()), "{lines:?}");
    assert!(lines.contains(&"one: START (cold)".to_owned()), "{lines:?}");
}

#[tokio::test]
async fn invocations_in_turn_share_a_process_and_overlapping_ones_do_not() {
    let stack = TestStack::new(&["one"], &function("one", "      Timeout: 60\n"));
    let cloud = stack.start().await;
    let first = process(&cloud.invoke("one", &json!({})).await.unwrap());
    assert_eq!(process(&cloud.invoke("one", &json!({})).await.unwrap()), first);

    let go = stack.path("go");
    let events = ["a", "b", "c"].map(|name| json!({ "touch": stack.path(name), "until": go }));
    let all_have_begun = async {
        for name in ["a", "b", "c"] {
            process_in(&stack.path(name)).await;
        }
        fs::write(&go, "").unwrap();
    };
    let (a, b, c, ()) = tokio::join!(
        cloud.invoke("one", &events[0]),
        cloud.invoke("one", &events[1]),
        cloud.invoke("one", &events[2]),
        all_have_begun
    );
    let mut processes = [a, b, c].map(|answer| process(&answer.unwrap()));
    processes.sort_unstable();
    assert!(processes[0] != processes[1] && processes[1] != processes[2], "{processes:?}");
    assert!(processes.contains(&first));
    cloud.stop().await;
    assert!(processes.iter().all(|process| is_gone(*process)));
}

#[tokio::test]
async fn reserved_concurrency_throttles_and_the_limit_of_processes_only_delays() {
    let resources =
        function("reserved", "      ReservedConcurrentExecutions: 1\n") + &function("limited", "");
    let stack = TestStack::new(&["reserved", "limited"], &resources);
    let mut options = stack.options();
    options.environments = 1;
    let cloud = local_aws::Cloud::start(options).await.unwrap();

    let go = stack.path("go");
    let held = json!({ "touch": stack.path("begun"), "until": go });
    let while_held = async {
        process_in(&stack.path("begun")).await;
        let refused = cloud.invoke("reserved", &json!({})).await.unwrap_err();
        fs::write(&go, "").unwrap();
        refused
    };
    let (first, refused) = tokio::join!(cloud.invoke("reserved", &held), while_held);
    first.unwrap();
    assert!(matches!(refused, InvokeFailure::Throttled(_)), "{refused}");

    let go = stack.path("go2");
    let held = json!({ "touch": stack.path("begun2"), "until": go });
    let second = async {
        process_in(&stack.path("begun2")).await;
        let event = json!({});
        let waiting = cloud.invoke("limited", &event);
        let open = async { fs::write(&go, "").unwrap() };
        tokio::join!(waiting, open).0
    };
    let (first, second) = tokio::join!(cloud.invoke("limited", &held), second);
    assert_eq!(process(&first.unwrap()), process(&second.unwrap()));
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_killed() {
    let stack = TestStack::new(&["slow"], &function("slow", "      Timeout: 1\n"));
    let mut options = stack.options();
    options.timeout_grace = Duration::ZERO;
    let cloud = local_aws::Cloud::start(options).await.unwrap();
    let begun = stack.path("begun");
    let failure =
        cloud.invoke("slow", &json!({ "touch": begun, "stuck": true })).await.unwrap_err();
    let error = error(failure);
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.ends_with("Task timed out after 1.00 seconds"), "{message}");
    let stuck = process_in(&begun).await;
    assert!(is_gone(stuck));
    // The next one has a process of its own.
    assert_ne!(process(&cloud.invoke("slow", &json!({})).await.unwrap()), stuck);
}

#[tokio::test]
async fn last_output_of_a_dying_function_is_in_its_error() {
    let stack =
        TestStack::new(&["one", "broken"], &(function("one", "") + &function("broken", "")));
    let cloud = stack.start().await;
    let died = error(
        cloud.invoke("one", &json!({ "print": "out of luck", "exit": 4 })).await.unwrap_err(),
    );
    assert_eq!(died["errorType"], "Runtime.ExitError");
    let message = died["errorMessage"].as_str().unwrap();
    assert!(message.contains("exit status: 4") && message.contains("out of luck"), "{message}");

    let never = error(cloud.invoke("broken", &json!({})).await.unwrap_err());
    assert_eq!(never["errorType"], "Runtime.ExitError");
    let message = never["errorMessage"].as_str().unwrap();
    assert!(message.contains("before it asked for its first invocation"), "{message}");
    assert!(message.contains("exit status: 3") && message.contains("NO_SUCH_TABLE"), "{message}");
    let starts = stack
        .lines()
        .iter()
        .filter(|line| line.contains("NO_SUCH_TABLE") && !line.contains("failed"))
        .count();
    assert_eq!(starts, 1, "it was started again without an invocation");

    // An error is the function's answer; its process lives on.
    let before = process(&cloud.invoke("one", &json!({})).await.unwrap());
    let failed = error(cloud.invoke("one", &json!({ "fail": "no" })).await.unwrap_err());
    assert_eq!(failed["errorMessage"], "no");
    assert_eq!(process(&cloud.invoke("one", &json!({})).await.unwrap()), before);
}

#[tokio::test]
async fn a_process_that_died_between_two_invocations_is_replaced_unnoticed() {
    let stack = TestStack::new(&["one"], &function("one", ""));
    let cloud = stack.start().await;
    let first = process(&cloud.invoke("one", &json!({})).await.unwrap());
    let id = rustix::process::Pid::from_raw(i32::try_from(first).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
    eventually(|| !cloud.processes().iter().any(|process| u64::from(*process) == first)).await;
    assert_ne!(process(&cloud.invoke("one", &json!({})).await.unwrap()), first);
}

#[tokio::test]
async fn a_function_that_is_killed_answers_as_one_that_exits() {
    let route = "      Timeout: 60\n      Events:\n        Push: { Type: HttpApi, Properties: { Method: POST, Path: /push } }\n";
    let stack =
        TestStack::new(&["one", "other"], &(function("one", route) + &function("other", "")));
    let cloud = stack.start().await;
    let other = process(&cloud.invoke("other", &json!({})).await.unwrap());
    // One without work, one that is invoked, one that the HTTP API has called.
    let events = ["a", "b"].map(|name| json!({ "touch": stack.path(name), "stuck": true }));
    let client = client();
    let url = format!("http://{}/push", cloud.http());
    let posted =
        client.post(url).header("content-type", "application/json").body(events[1].to_string());
    let posted = tokio::spawn(posted.send());
    let (failure, killed) = tokio::join!(cloud.invoke("one", &events[0]), async {
        let stuck = [process_in(&stack.path("a")).await, process_in(&stack.path("b")).await];
        let idle = process(&cloud.invoke("one", &json!({})).await.unwrap());
        assert_eq!(cloud.kill("one").await.unwrap(), 3);
        assert!(is_gone(idle) && stuck.iter().all(|stuck| is_gone(*stuck)));
        idle
    });
    let error = error(failure.unwrap_err());
    assert_eq!(error["errorType"], "Runtime.ExitError");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("exited while it ran (signal: 9 (SIGKILL))"), "{message}");
    let answer = posted.await.unwrap().unwrap();
    assert_eq!(answer.status(), 500);
    assert_eq!(answer.text().await.unwrap(), r#"{"message":"Internal Server Error"}"#);

    // Others live, and so does the next one; over HTTP it dies in the same way.
    assert_eq!(process(&cloud.invoke("other", &json!({})).await.unwrap()), other);
    let next = process(&cloud.invoke("one", &json!({})).await.unwrap());
    assert_ne!(next, killed);
    let url = format!("http://{}/_local/functions/one/kill", cloud.aws());
    let answer = client.post(url).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), r#"{"killed":1}"#);
    assert!(is_gone(next));
    let unknown = cloud.kill("unknown").await.unwrap_err();
    assert!(matches!(unknown, InvokeFailure::NotFound(_)), "{unknown}");
}

#[tokio::test]
async fn cold_starts_give_each_invocation_a_new_process() {
    let stack = TestStack::new(&["one"], &function("one", ""));
    let cloud = stack.start().await;
    let invoke = async || process(&cloud.invoke("one", &json!({})).await.unwrap());
    let first = invoke().await;
    assert_eq!(invoke().await, first);

    let client = client();
    let url = format!("http://{}/_local/functions/one/cold-starts", cloud.aws());
    let order = client.post(&url).body(r#"{"invocations":3}"#).send().await.unwrap();
    assert_eq!(order.text().await.unwrap(), r#"{"cold":3}"#);
    let (a, b, c) = tokio::join!(invoke(), invoke(), invoke());
    let mut processes = [a, b, c, first];
    processes.sort_unstable();
    assert!(processes.windows(2).all(|two| two[0] != two[1]), "each had one of its own");
    assert!(processes.contains(&invoke().await), "the storm is over");

    let order = client.post(&url).body("50").send().await.unwrap();
    assert_eq!(order.status(), 400);
    assert!(order.text().await.unwrap().contains(r#"{\"invocations\": 50}"#));
    assert!(matches!(
        cloud.command("unknown", ProcessCommand::ColdStarts(1)).await,
        Err(InvokeFailure::NotFound(_))
    ));
}

#[tokio::test]
async fn frozen_function_resumes_when_thawed_or_times_out() {
    let stack = TestStack::new(&["one"], &function("one", "      Timeout: 10\n"));
    let mut options = stack.options();
    options.timeout_grace = Duration::ZERO;
    let cloud = local_aws::Cloud::start(options).await.unwrap();
    let client = client();
    let tell = async |what: &str| {
        let url = format!("http://{}/_local/functions/one/{what}", cloud.aws());
        client.post(url).send().await.unwrap().text().await.unwrap()
    };
    let go = stack.path("go");
    let events = ["a", "b"].map(|name| json!({ "touch": stack.path(name), "until": go }));
    let mut frozen = Box::pin(cloud.invoke("one", &events[0]));
    let meanwhile = async {
        let frozen = process_in(&stack.path("a")).await;
        assert_eq!(tell("freeze").await, r#"{"frozen":1}"#);
        fs::write(&go, "").unwrap();
        // It could continue now, but is frozen; a later invocation gets another process.
        let other = process(&cloud.invoke("one", &json!({})).await.unwrap());
        assert_ne!(other, frozen);
        frozen
    };
    let process_of_it = tokio::select! {
        answer = &mut frozen => panic!("it isn't frozen: {answer:?}"),
        process = meanwhile => process,
    };
    assert_eq!(tell("thaw").await, r#"{"thawed":2}"#);
    assert_eq!(process(&frozen.await.unwrap()), process_of_it);

    fs::remove_file(&go).unwrap();
    let (late, ()) = tokio::join!(cloud.invoke("one", &events[1]), async {
        process_in(&stack.path("b")).await;
        // Those without work aren't frozen.
        assert_eq!(cloud.command("one", ProcessCommand::Freeze).await.unwrap(), 1);
        fs::write(&go, "").unwrap();
    });
    let error = error(late.unwrap_err());
    assert_eq!(error["errorType"], "Sandbox.Timedout", "{error}");
    let unknown = cloud.command("unknown", ProcessCommand::Freeze).await.unwrap_err();
    assert!(matches!(unknown, InvokeFailure::NotFound(_)), "{unknown}");
}

/// The two points at which a crash leaves something behind, and nothing.
#[tokio::test]
async fn a_function_can_be_killed_before_and_after_its_put() {
    let with_timeout = format!("      Timeout: 60\n{MAY_PUT}");
    let functions = function("one", &with_timeout) + &function("other", MAY_PUT);
    let stack = TestStack::new(&["one", "other"], &(functions + ROWS));
    let cloud = stack.start().await;
    let put = Fault::new("dynamodb", "PutItem").on("rows").by("one").hold().once();
    for (id, fault, is_put) in [("before", put.clone(), false), ("after", put.after(), true)] {
        let start = cloud.aws.dynamodb.stream_position("rows").unwrap();
        let records = || cloud.aws.dynamodb.stream_records("rows", &start, 10).unwrap().0.len();
        let there = records();
        let fault = cloud.aws.faults.inject(fault).unwrap();
        let event = json!({ "put": id });
        let invoked = cloud.invoke("one", &event);
        tokio::pin!(invoked);
        tokio::select! {
            answer = &mut invoked => panic!("it wasn't held: {answer:?}"),
            () = fault.holds(1) => {}
        }
        assert_eq!(cloud.kill("one").await.unwrap(), 1);
        let failure = invoked.await;
        fault.holds(0).await;
        assert_eq!(error(failure.unwrap_err())["errorType"], "Runtime.ExitError");
        assert_eq!(records() - there, usize::from(is_put), "{id}");
        // Others put what they like meanwhile, and so does the next one.
        cloud.invoke("other", &json!({ "put": format!("{id} other") })).await.unwrap();
        cloud.invoke("one", &json!({ "put": format!("{id} again") })).await.unwrap();
        assert_eq!(records() - there, 2 + usize::from(is_put), "{id}");
    }
}

#[tokio::test]
async fn idle_processes_are_stopped() {
    let stack = TestStack::new(&["one"], &function("one", ""));
    let mut options = stack.options();
    options.idle = Duration::from_millis(50);
    let cloud = local_aws::Cloud::start(options).await.unwrap();
    let first = process(&cloud.invoke("one", &json!({})).await.unwrap());
    eventually(|| is_gone(first)).await;
}

#[tokio::test]
async fn missing_binary_and_taken_port_are_named() {
    let stack = TestStack::new(&[], &function("one", ""));
    let Err(missing) = local_aws::Cloud::start(stack.options()).await else { panic!("it started") };
    assert!(matches!(&missing, Error::Binary { function, .. } if function == "one"));
    assert!(missing.to_string().contains("cargo build"));

    let stack = TestStack::new(&["one"], &function("one", ""));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = stack.options();
    options.aws_port = taken.local_addr().unwrap().port();
    let Err(busy) = local_aws::Cloud::start(options).await else { panic!("it started") };
    let message = busy.to_string();
    assert!(message.contains(&format!("port {}", taken.local_addr().unwrap().port())), "{message}");
    assert!(message.contains("--aws-port"), "{message}");
}
