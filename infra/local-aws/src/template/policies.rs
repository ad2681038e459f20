//! What a role may do: statements written out, the one form supported here, in
//! `Policies` of a function or of a role.

use super::{document::Node, error::Fault, intrinsics::Scope, properties::Properties};
use crate::services::permission::{Effect, Pattern, Policy, Statement};

/// The condition that is understood, and in which ways it may be put. Without a
/// wildcard, being like a text is being equal to it.
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";
const OPERATORS: [&str; 2] = ["ForAllValues:StringEquals", "ForAllValues:StringLike"];

/// The other one: whose code calls, as Lambda tells IAM ("Working with source
/// function ARN to control function access behavior").
const SOURCE_FUNCTION: &str = "lambda:SourceFunctionArn";

/// The actions whose keys are told apart here. (AWS tells those of queries and
/// batches apart as well.)
const WITH_KEY: [&str; 5] = [
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
];

/// Reads `Policies` of a function, of which SAM makes a role. What SAM adds to it
/// by itself is for what invokes the function and for its destinations, not for the
/// function's process.
pub(crate) fn for_function(
    scope: &Scope<'_>,
    properties: &Properties<'_>,
) -> Result<Policy, Fault> {
    let mut policy = Policy::default();
    let Some(node) = properties.node("Policies")? else { return Ok(policy) };
    let owner = format!("{}.Policies", properties.owner());
    for document in one_or_more(&node) {
        if document.get("Statement").is_none() {
            return Err(Fault::new(
                document.line,
                format!(
                    "{owner}: only statements (`Statement`) are supported on this machine, neither managed policies nor SAM's policy templates"
                ),
            ));
        }
        let document = Properties::new(&owner, scope, Some(document), document.line)?;
        policy.0.extend(statements(scope, document)?);
    }
    Ok(policy)
}

/// Reads `Policies` of a role: documents with names.
pub(crate) fn for_role(scope: &Scope<'_>, properties: &Properties<'_>) -> Result<Policy, Fault> {
    let mut policy = Policy::default();
    let Some(node) = properties.node("Policies")? else { return Ok(policy) };
    let owner = format!("{}.Policies", properties.owner());
    for named in one_or_more(&node) {
        let named = Properties::new(&owner, scope, Some(named), named.line)?;
        named.required("PolicyName")?;
        policy.0.extend(statements(scope, named.required_section("PolicyDocument")?)?);
        named.finish()?;
    }
    Ok(policy)
}

fn statements(scope: &Scope<'_>, document: Properties<'_>) -> Result<Vec<Statement>, Fault> {
    if let Some(version) = document.text("Version")?
        && version != "2012-10-17"
    {
        return Err(document.fault("Version", "must be 2012-10-17"));
    }
    let nodes = document.node("Statement")?;
    let nodes = nodes.iter().flat_map(one_or_more);
    let statements =
        nodes.map(|node| statement(scope, document.owner(), node)).collect::<Result<_, _>>()?;
    document.finish()?;
    Ok(statements)
}

fn statement(scope: &Scope<'_>, owner: &str, node: &Node) -> Result<Statement, Fault> {
    let properties = Properties::new(format!("{owner}.Statement"), scope, Some(node), node.line)?;
    properties.ignore(&["Sid"]);
    let effect =
        properties.one_of("Effect", &[("Allow", Effect::Allow), ("Deny", Effect::Deny)])?;
    let effect = effect.ok_or_else(|| properties.fault("Effect", "is missing"))?;
    let actions = texts(&properties, "Action")?;
    if let Some(action) = actions.iter().find(|action| *action != "*" && !action.contains(':')) {
        return Err(properties
            .fault("Action", format!("must be one such as dynamodb:GetItem, not `{action}`")));
    }
    let resources = patterns(&properties, "Resource")?;
    let (leading_keys, code_of) = condition(&properties)?;
    if leading_keys.is_some() {
        if effect == Effect::Deny {
            return Err(properties
                .fault("Condition", "isn't supported on this machine where Effect is Deny"));
        }
        if let Some(action) = actions.iter().find(|action| !WITH_KEY.contains(&action.as_str())) {
            return Err(properties.fault(
                "Condition",
                format!(
                    "isn't supported on this machine for {action}, only for {}",
                    WITH_KEY.join(", ")
                ),
            ));
        }
    }
    properties.finish()?;
    Ok(Statement { line: node.line, effect, actions, resources, leading_keys, code_of })
}

/// What the partition keys must be like, or whose code must be calling.
type Condition = (Option<Vec<String>>, Option<Vec<Pattern>>);

fn condition(properties: &Properties<'_>) -> Result<Condition, Fault> {
    let Some(condition) = properties.section("Condition")? else { return Ok((None, None)) };
    let names = condition.names();
    let [operator] = names.as_slice() else {
        return Err(properties.fault("Condition", "must have one operator on this machine"));
    };
    if operator == "ArnEquals" {
        let Some(keys) = condition.section(operator)? else { return Ok((None, None)) };
        let functions = patterns(&keys, SOURCE_FUNCTION)?;
        keys.finish()?;
        condition.finish()?;
        return Ok((None, Some(functions)));
    }
    if !OPERATORS.contains(&operator.as_str()) {
        return Err(condition.fault(
            operator,
            format!("isn't supported on this machine, only {} and ArnEquals", OPERATORS.join(", ")),
        ));
    }
    let Some(keys) = condition.section(operator)? else { return Ok((None, None)) };
    let patterns = texts(&keys, LEADING_KEYS)?;
    let literal = operator.ends_with("Equals");
    let odd = |text: &String| text.contains("${") || literal && text.contains(['*', '?']);
    if let Some(text) = patterns.iter().find(|text| odd(text)) {
        return Err(keys.fault(
            LEADING_KEYS,
            format!("has a policy variable, or a wildcard that is none here: `{text}`"),
        ));
    }
    keys.finish()?;
    condition.finish()?;
    Ok((Some(patterns), None))
}

fn patterns(properties: &Properties<'_>, name: &str) -> Result<Vec<Pattern>, Fault> {
    let parse = |text: &String| Pattern::parse(text).map_err(|why| properties.fault(name, why));
    texts(properties, name)?.iter().map(parse).collect()
}

/// IAM takes one text for a list of one. An empty list would be a mistake.
fn texts(properties: &Properties<'_>, name: &str) -> Result<Vec<String>, Fault> {
    let Some(node) = properties.node(name)? else {
        return Err(properties.fault(name, "is missing"));
    };
    let texts = one_or_more(&node).iter().map(|item| item.as_text().map(str::to_owned));
    match texts.collect::<Option<Vec<_>>>() {
        Some(texts) if !texts.is_empty() => Ok(texts),
        _ => Err(properties.fault(name, "must be a text or a list of texts")),
    }
}

fn one_or_more(node: &Node) -> &[Node] {
    node.as_list().unwrap_or(std::slice::from_ref(node))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_refused, parse};
    use super::*;

    const SMALL: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Books:
    Type: AWS::DynamoDB::Table
    Properties:
      { TableName: books, KeySchema: [], AttributeDefinitions: [] }
  Read:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: read/
      Runtime: provided.al2023
      Policies:
        - Version: \"2012-10-17\"
          Statement:
            - Effect: Allow
              Sid: Reading
              Action: [dynamodb:GetItem, dynamodb:PutItem]
              Resource: !GetAtt Books.Arn
            - Effect: Deny
              Action: ssm:*
              Resource: !Sub arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/a/*
        - Statement:
            Effect: Allow
            Action: dynamodb:UpdateItem
            Resource: [!GetAtt Books.Arn, !Sub '${Books.Arn}/index/title']
            Condition:
              ForAllValues:StringLike:
                dynamodb:LeadingKeys: [\"token_refresh#*\"]
";

    #[test]
    fn statements_are_read_with_their_lines() {
        let [read] = parse(SMALL).unwrap().functions.try_into().unwrap();
        assert_eq!(read.role, "shop-ReadRole");
        let books = "arn:aws:dynamodb:us-east-1:000000000000:table/books";
        let pattern = |text: &str| Pattern::parse(text).unwrap();
        let statement = |line, effect, actions: &[&str], resources| Statement {
            line,
            effect,
            actions: actions.iter().map(|&action| action.to_owned()).collect(),
            resources,
            leading_keys: None,
            code_of: None,
        };
        let items = ["dynamodb:GetItem", "dynamodb:PutItem"];
        let parameters = "arn:aws:ssm:us-east-1:000000000000:parameter/a/*";
        let index = pattern(&format!("{books}/index/title"));
        let both = vec![pattern(books), index];
        assert_eq!(
            read.policy.0,
            [
                statement(15, Effect::Allow, &items, vec![pattern(books)]),
                statement(19, Effect::Deny, &["ssm:*"], vec![pattern(parameters)]),
                Statement {
                    leading_keys: Some(vec!["token_refresh#*".to_owned()]),
                    ..statement(23, Effect::Allow, &["dynamodb:UpdateItem"], both)
                },
            ]
        );
    }

    #[test]
    fn unenforceable_policy_is_refused_with_its_line() {
        let statement = SMALL.split_once("- Statement:\n").unwrap().1;
        for (from, to, line, message) in [
            ("Effect: Deny", "Effect: Forbid", 19, "`Effect` must be Allow or Deny"),
            ("Sid: Reading", "NotAction: a:b", 16, "the property `NotAction` isn't supported"),
            ("Sid: Reading", "Principal: a", 16, "the property `Principal` isn't supported"),
            ("Action: ssm:*", "Action: ssm", 20, "`Action` must be one such as"),
            ("Action: ssm:*", "Action: []", 20, "`Action` must be a text or a list of texts"),
            ("              Action: ssm:*\n", "", 19, "`Action` is missing"),
            (
                "Resource: !GetAtt Books.Arn",
                "Resource: books",
                18,
                "`Resource` must be a whole ARN",
            ),
            ("Resource: !GetAtt Books.Arn", "Resource: !GetAtt Unknown.Arn", 18, "`Unknown`"),
            ("\"2012-10-17\"", "\"2008-10-17\"", 13, "`Version` must be 2012-10-17"),
            ("Action: dynamodb:UpdateItem", "Action: dynamodb:Query", 26, "for dynamodb:Query"),
            ("Action: dynamodb:UpdateItem", "Action: dynamodb:*", 26, "for dynamodb:*"),
            (
                "            Effect: Allow\n            Action",
                "            Effect: Deny\n            Action",
                26,
                "where Effect is Deny",
            ),
            ("ForAllValues:StringLike", "StringLike", 27, "`StringLike` isn't supported"),
            (
                "dynamodb:LeadingKeys",
                "dynamodb:Attributes",
                27,
                "`dynamodb:LeadingKeys` is missing",
            ),
            ("token_refresh#*", "${aws:userid}", 28, "a policy variable"),
            ("StringLike", "StringEquals", 28, "a wildcard that is none"),
            (statement, "            AWSLambdaExecute\n", 23, "properties are expected"),
            (
                "        - Statement:\n",
                "        - AWSLambdaExecute\n        - Statement:\n",
                22,
                "managed policies",
            ),
            (
                "        - Statement:\n",
                "        - SQSPollerPolicy: { QueueName: a }\n        - Statement:\n",
                22,
                "policy templates",
            ),
            ("      Policies:", "      Role: a\n      Policies:", 12, "`Role` must be the Arn of"),
            (
                "      Policies:",
                "      PermissionsBoundary: a\n      Policies:",
                12,
                "the property `PermissionsBoundary`",
            ),
        ] {
            assert_refused(SMALL, from, to, line, message);
        }
    }
}
