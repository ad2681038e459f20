use std::time::Duration;

use serde_json::json;

use super::*;

fn watching(change: impl FnOnce(&mut Json)) -> Result<CloudWatch, String> {
    let mut alarm = json!({
        "LogicalId": "Late", "AlarmName": "late", "AlarmDescription": "", "AlarmActions": [],
        "OKActions": [], "Namespace": "Geese", "MetricName": "delay",
        "Dimensions": [{ "Name": "flock", "Value": "north" }], "Statistic": "Maximum",
        "Period": 120, "EvaluationPeriods": 2,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold", "Threshold": "10",
        "TreatMissingData": "notBreaching",
    });
    change(&mut alarm);
    let cloudwatch = CloudWatch::default();
    cloudwatch.watch(&[alarm], Queues::open(None).unwrap())?;
    Ok(cloudwatch)
}

fn measure(cloudwatch: &CloudWatch, flock: &str, delay: u64) {
    let line = json!({
        "_aws": { "Timestamp": 1, "CloudWatchMetrics": [{
            "Namespace": "Geese", "Dimensions": [["flock"], []],
            "Metrics": [{ "Name": "delay", "Unit": "Seconds" }],
        }] },
        "flock": flock, "delay": delay,
    });
    cloudwatch.read_line(&line.to_string());
}

fn state(cloudwatch: &CloudWatch) -> AlarmState {
    cloudwatch.state_of("Late").unwrap()
}

#[test]
fn alarm_begins_after_its_periods_and_ends_again() {
    let cloudwatch = watching(|_| ()).unwrap();
    assert_eq!(state(&cloudwatch), AlarmState::InsufficientData);
    measure(&cloudwatch, "north", 9);
    measure(&cloudwatch, "south", 100);
    assert!(!cloudwatch.is_breaching("Late"), "others' values and smaller ones don't count");
    measure(&cloudwatch, "north", 10);
    assert!(cloudwatch.is_breaching("Late"));
    cloudwatch.advance(Duration::from_secs(120));
    assert_eq!(state(&cloudwatch), AlarmState::Ok, "one of two periods");
    measure(&cloudwatch, "north", 11);
    cloudwatch.advance(Duration::from_secs(60));
    assert_eq!(state(&cloudwatch), AlarmState::Alarm);
    cloudwatch.advance(Duration::from_secs(240));
    assert_eq!(state(&cloudwatch), AlarmState::Ok);
}

#[test]
fn missing_data_breaches_only_if_the_alarm_says_so() {
    let heartbeat = |alarm: &mut Json| {
        alarm["TreatMissingData"] = "breaching".into();
        alarm["ComparisonOperator"] = "LessThanThreshold".into();
        alarm["Threshold"] = 1.into();
    };
    let cloudwatch = watching(heartbeat).unwrap();
    for _ in 0..5 {
        measure(&cloudwatch, "north", 1);
        cloudwatch.advance(Duration::from_secs(120));
        assert_eq!(state(&cloudwatch), AlarmState::Ok);
    }
    cloudwatch.advance(Duration::from_secs(240));
    assert_eq!(state(&cloudwatch), AlarmState::Alarm);
}

#[test]
fn one_of_several_periods_is_enough_if_the_alarm_says_so() {
    let cloudwatch = watching(|alarm| alarm["DatapointsToAlarm"] = 1.into()).unwrap();
    measure(&cloudwatch, "north", 10);
    cloudwatch.advance(Duration::from_secs(240));
    assert_eq!(state(&cloudwatch), AlarmState::Alarm);
}

#[test]
fn expression_of_several_metrics_is_evaluated() {
    let several = |alarm: &mut Json| {
        for name in ["Namespace", "MetricName", "Dimensions", "Statistic", "Period"] {
            alarm.as_object_mut().unwrap().remove(name);
        }
        let metric = |flock: &str| {
            json!({
                "Id": flock, "ReturnData": false,
                "MetricStat": { "Stat": "p50", "Period": 60, "Metric": {
                    "Namespace": "Geese", "MetricName": "delay",
                    "Dimensions": [{ "Name": "flock", "Value": flock }],
                } },
            })
        };
        let sum = json!({ "Id": "sum", "Expression": "FILL(north, 0) + FILL(south, 0)" });
        alarm["Metrics"] = json!([sum, metric("north"), metric("south")]);
        alarm["EvaluationPeriods"] = 1.into();
    };
    let cloudwatch = watching(several).unwrap();
    for delay in [0, 6, 100] {
        measure(&cloudwatch, "north", delay);
    }
    assert!(!cloudwatch.is_breaching("Late"), "half of them don't exceed 6");
    measure(&cloudwatch, "south", 4);
    assert!(cloudwatch.is_breaching("Late"));
}

#[test]
fn queue_and_invocations_are_measured_on_the_stepped_clock() {
    let age = |alarm: &mut Json| {
        alarm["Namespace"] = "AWS/SQS".into();
        alarm["MetricName"] = "ApproximateAgeOfOldestMessage".into();
        alarm["Dimensions"] = json!([{ "Name": "QueueName", "Value": "orders" }]);
        alarm["Threshold"] = 600.into();
    };
    let cloudwatch = watching(age).unwrap();
    let queues = cloudwatch.state().queues.clone().unwrap();
    queues.create("orders", &BTreeMap::new()).unwrap();
    queues.send("orders", "one".to_owned()).unwrap();
    cloudwatch.advance(Duration::from_secs(660));
    assert_eq!(state(&cloudwatch), AlarmState::Ok, "not so old for two periods");
    cloudwatch.advance(Duration::from_secs(240));
    assert_eq!(state(&cloudwatch), AlarmState::Alarm);

    let slow = |alarm: &mut Json| {
        alarm["Namespace"] = "AWS/Lambda".into();
        alarm["MetricName"] = "Duration".into();
        alarm["Dimensions"] = json!([{ "Name": "FunctionName", "Value": "resize" }]);
        alarm["Threshold"] = 3000.into();
        alarm["EvaluationPeriods"] = 1.into();
    };
    let cloudwatch = watching(slow).unwrap();
    let invoke = |takes: u64| {
        let mut state = cloudwatch.state();
        let (number, function, binary, cold) = (7, "resize", "resize", false);
        state.observe(&Observed::InvocationStarted { number, function, binary, cold });
        state.advance(Duration::from_millis(takes));
        let (end, duration, init_duration) = (InvocationEnd::Answered, Duration::ZERO, None);
        state.observe(&Observed::InvocationEnded { number, end, duration, init_duration });
    };
    invoke(2999);
    assert!(!cloudwatch.is_breaching("Late"));
    invoke(3000);
    assert!(cloudwatch.is_breaching("Late"));
}

#[test]
fn unmodelled_property_is_refused() {
    for (name, value, problem) in [
        ("Statistic", json!("SampleCount"), "the statistic SampleCount isn't modelled"),
        ("Period", json!(30), "isn't whole minutes"),
        ("TreatMissingData", json!("ignore"), "isn't modelled"),
        ("ComparisonOperator", json!("GreaterThanUpperThreshold"), "isn't modelled"),
        ("Unit", json!("Seconds"), "`Unit` isn't modelled"),
        ("EvaluationPeriods", json!(null), "no EvaluationPeriods"),
        ("Dimensions", json!([{ "Name": "flock" }]), "a dimension has no text"),
    ] {
        let Err(error) = watching(|alarm| alarm[name] = value) else { panic!("{name}") };
        assert!(error.starts_with("Late: ") && error.contains(problem), "{error}");
    }
}
