//! Alarms and dashboards. CloudWatch isn't on this machine, but what it would
//! refuse is refused here, and tests compare what is watched with what the
//! functions measure.

use serde_json::Value as Json;

use super::{
    error::Fault,
    intrinsics::Scope,
    physical::Resource,
    properties::{self, Properties},
};

/// An alarm's properties, worked out, with its logical id under `LogicalId`.
pub(crate) fn alarm(scope: &Scope<'_>, id: &str, resource: &Resource) -> Result<Json, Fault> {
    let read = Properties::for_resource(scope, id, resource)?;
    let mut alarm = serde_json::json!({ "LogicalId": id });
    for name in properties::ignored(&resource.kind).into_iter().flatten() {
        if let Some(value) = read.json(name)? {
            alarm[name] = value;
        }
    }
    read.finish()?;
    Ok(alarm)
}

/// A dashboard's body, which has to be JSON.
pub(crate) fn dashboard(scope: &Scope<'_>, id: &str, resource: &Resource) -> Result<Json, Fault> {
    let properties = Properties::for_resource(scope, id, resource)?;
    let body = properties.required("DashboardBody")?;
    let body = serde_json::from_str(&body)
        .map_err(|error| properties.fault("DashboardBody", format!("isn't JSON: {error}")))?;
    properties.finish()?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_refused, parse};

    const SMALL: &str = "\
Resources:
  Topic: { Type: AWS::SNS::Topic }
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: Geese
      Threshold: 1
      AlarmActions: [!Ref Topic]
  Board:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardBody: !Sub '{\"region\": \"${AWS::Region}\"}'
";

    #[test]
    fn alarms_and_dashboards_are_worked_out() {
        let template = parse(SMALL).unwrap();
        let [alarm] = template.alarms.as_slice() else { panic!("{:?}", template.alarms) };
        assert_eq!(alarm["LogicalId"], "Alarm");
        assert_eq!(alarm["Threshold"], 1);
        assert_eq!(alarm["AlarmActions"][0], "arn:aws:sns:us-east-1:000000000000:shop-Topic");
        assert_eq!(template.dashboards, [serde_json::json!({ "region": "us-east-1" })]);
    }

    #[test]
    fn invalid_alarm_is_refused_with_its_line() {
        for (from, to, line, message) in [
            ("Namespace", "Namespase", 6, "the property `Namespase` isn't supported"),
            ("\"}'", "\"'", 12, "`DashboardBody` isn't JSON"),
            ("!Ref Topic", "!Ref Topik", 8, "no parameter or resource `Topik`"),
        ] {
            assert_refused(SMALL, from, to, line, message);
        }
    }
}
