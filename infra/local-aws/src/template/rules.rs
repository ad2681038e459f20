//! `Rules`: combinations of parameters that a template refuses before anything is
//! made.
//!
//! Source: CloudFormation user guide, "CloudFormation template Rules syntax" and
//! "Rule-specific intrinsic function reference". Functions that ask about other
//! stacks or networks (`Fn::RefAll`, `Fn::ValueOf`, …) aren't supported.

use super::{document::Node, error::Fault, intrinsics::Scope};

/// Refuses the parameters if an assertion doesn't hold, in its own words.
pub(crate) fn check(scope: &Scope<'_>, section: Option<&Node>) -> Result<(), Fault> {
    let Some(section) = section else { return Ok(()) };
    let rules = section
        .as_map()
        .ok_or_else(|| Fault::new(section.line, "Rules: rules are expected here"))?;
    for rule in rules {
        let wrong =
            |line, message: &str| Fault::new(line, format!("Rules.{}: {message}", rule.key));
        let parts = rule.node.as_map().ok_or_else(|| {
            wrong(rule.line, "a rule has Assertions, and perhaps a RuleCondition")
        })?;
        if let Some(other) =
            parts.iter().find(|part| !matches!(&*part.key, "RuleCondition" | "Assertions"))
        {
            let message = format!("`{}` isn't part of a rule", other.key);
            return Err(wrong(other.line, &message));
        }
        let assertions = rule.node.get("Assertions").and_then(Node::as_list);
        let assertions =
            assertions.ok_or_else(|| wrong(rule.line, "`Assertions` must be a list"))?;
        let applies = match rule.node.get("RuleCondition") {
            Some(condition) => scope.truth(condition)?,
            None => true,
        };
        for assertion in assertions {
            let assert = assertion
                .get("Assert")
                .ok_or_else(|| wrong(assertion.line, "`Assert` is missing"))?;
            // Worked out in any case, so that a mistake is found in any case.
            if !scope.truth(assert)? && applies {
                let described = assertion.get("AssertDescription").and_then(Node::as_text);
                let described = described.unwrap_or("an assertion doesn't hold");
                return Err(wrong(assertion.line, described));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{
        Template,
        tests::{assert_refused, map, target},
    };

    const SMALL: &str = "\
Parameters:
  Way: { Type: String, Default: none }
  Subnets: { Type: CommaDelimitedList, Default: '' }
Rules:
  Subnets:
    RuleCondition: !Equals [!Ref Way, subnets]
    Assertions:
      - Assert: !Not [!Equals [!Join ['', !Ref Subnets], '']]
        AssertDescription: Way=subnets needs Subnets.
      - Assert: { 'Fn::EachMemberIn': [!Ref Subnets, [a, b]] }
  Ways:
    Assertions:
      - Assert: { 'Fn::Contains': [[none, subnets], !Ref Way] }
        AssertDescription: there is no such way
Resources:
  Post: { Type: AWS::SQS::Queue }
";

    #[test]
    fn an_assertion_that_does_not_hold_is_refused_in_its_words() {
        let read = |given: &[(&str, &str)]| {
            Template::parse(SMALL, &target(), &BTreeMap::new(), &map(given))
        };
        assert!(read(&[]).is_ok());
        assert!(read(&[("Subnets", "c")]).is_ok(), "the rule doesn't apply");
        assert!(read(&[("Way", "subnets"), ("Subnets", "a,b")]).is_ok());
        for (given, line, message) in [
            (&[("Way", "subnets")][..], 8, "Rules.Subnets: Way=subnets needs Subnets."),
            (
                &[("Way", "subnets"), ("Subnets", "a,c")],
                10,
                "Rules.Subnets: an assertion doesn't hold",
            ),
            (&[("Way", "sea")], 13, "Rules.Ways: there is no such way"),
        ] {
            let fault = read(given).expect_err(message);
            assert_eq!((fault.line, fault.message.as_str()), (line, message));
        }
    }

    #[test]
    fn invalid_rule_is_refused_with_its_line() {
        for (from, to, line, message) in [
            ("RuleCondition", "Condition", 6, "`Condition` isn't part of a rule"),
            ("Fn::Contains", "Fn::RefAll", 13, "isn't a condition"),
            (
                "      - Assert: { 'Fn::Contains'",
                "      - Asserts: { 'Fn::Contains'",
                13,
                "`Assert` is missing",
            ),
            ("!Ref Way, subnets", "!Ref Wey, subnets", 6, "no parameter or resource `Wey`"),
        ] {
            assert_refused(SMALL, from, to, line, message);
        }
    }
}
