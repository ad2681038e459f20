use super::*;

pub(super) fn target() -> DeploymentTarget {
    DeploymentTarget {
        stack: "shop".to_owned(),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        api_id: "local".to_owned(),
        http: "http://127.0.0.1:8080".to_owned(),
        aws: "http://127.0.0.1:4566".to_owned(),
    }
}

pub(super) fn parse(text: &str) -> Result<Template, Fault> {
    Template::parse(text, &target(), &BTreeMap::new(), &BTreeMap::new())
}

pub(super) fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Changes a template in one place, and expects the error of this line that says so.
pub(super) fn assert_refused(
    template: &str,
    from: &str,
    to: &str,
    line: usize,
    message: &str,
) -> Fault {
    assert_eq!(template.matches(from).count(), 1, "{from}");
    let fault = parse(&template.replace(from, to)).expect_err(message);
    assert!(fault.message.contains(message), "{to}: {}: expected {message}", fault.message);
    assert_eq!(fault.line, line, "{to}: {}", fault.message);
    fault
}

const SMALL: &str = "\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String, Default: prod, AllowedValues: [prod, local] }
Conditions:
  Production: !Equals [!Ref Stage, prod]
  Elsewhere: !Not [!Condition Production]
  Both: !And [!Condition Production, !Condition Elsewhere]
  Either: !Or [!Condition Production, !Condition Elsewhere]
Globals:
  Function:
    Runtime: provided.al2023
    Environment: { Variables: { A: global, B: global } }
Resources:
  One:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/one
      Timeout: !If [Production, 7, 8]
      ReservedConcurrentExecutions: !If [Elsewhere, 2, !Ref AWS::NoValue]
      Environment:
        Variables:
          B: own
          QUEUE: { Ref: Mail }
          LONG:
            Fn::Join: ['-', [a, !Sub '${Stage}.${Mail.QueueName}${!x}', { 'Fn::GetAtt': [Mail, Arn] }]]
          LIST: !Sub ['${v}/${AWS::Region}', { v: !Select [1, !Split [',', 'x,y']] }]
      Events:
        Everything: { Type: HttpApi }
  Mail: { Type: AWS::SQS::Queue }
  Never: { Type: AWS::SQS::Queue, Condition: Both }
  Always: { Type: AWS::SQS::Queue, Condition: Either }
  Absent: { Type: AWS::Serverless::Function, Condition: Elsewhere, Properties: { CodeUri: x/ } }
";

#[test]
fn expressions_conditions_and_globals_are_worked_out() {
    let template = parse(SMALL).unwrap();
    let [one] = template.functions.as_slice() else { panic!("{:?}", template.functions) };
    assert_eq!(one.name, "shop-One");
    assert_eq!((one.timeout.as_secs(), one.reserved_concurrency), (7, None));
    assert_eq!(
        one.variables,
        map(&[
            ("A", "global"),
            ("B", "own"),
            ("QUEUE", "http://127.0.0.1:4566/000000000000/shop-Mail"),
            ("LONG", "a-prod.shop-Mail${x}-arn:aws:sqs:us-east-1:000000000000:shop-Mail"),
            ("LIST", "y/us-east-1"),
        ])
    );
    assert_eq!(template.routes[0].to_string(), "$default");
    let queues: Vec<_> = template.queues.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(queues, ["shop-Always", "shop-Mail"]);

    let overrides = map(&[("Stage", "local")]);
    let template = Template::parse(SMALL, &target(), &BTreeMap::new(), &overrides).unwrap();
    assert_eq!(template.functions.len(), 2);
    let one = template.functions.iter().find(|function| function.binary == "one").unwrap();
    assert_eq!((one.timeout.as_secs(), one.reserved_concurrency), (8, Some(2)));
}

#[test]
fn a_rule_of_a_bus_is_read_in_full() {
    let pattern = "Pattern: { source: [!Ref Stage], detail: { kind: [text] } }";
    let rules = |rule: &str| {
        let event = format!("{{ Type: EventBridgeRule, Properties: {{ {rule}{pattern} }} }}");
        parse(&SMALL.replace("{ Type: HttpApi }", &event)).unwrap().rules
    };
    let [rule] = rules("").try_into().unwrap();
    assert_eq!((rule.name.as_str(), rule.bus.as_str()), ("OneEverything", "default"));
    assert_eq!(rule.function, "shop-One");
    let event = |source: &str| serde_json::json!({"source": source, "detail": {"kind": "text"}});
    assert!(rule.pattern.pass(&event("prod")) && !rule.pattern.pass(&event("local")));
    let [rule] = rules("RuleName: texts, EventBusName: orders, ").try_into().unwrap();
    assert_eq!((rule.name.as_str(), rule.bus.as_str()), ("texts", "orders"));
    assert!(rules("State: DISABLED, ").is_empty());
}

/// Each change to the small template, and what is said about it: the line of
/// the mistake and the words that name it.
#[test]
fn unsupported_template_is_refused_with_its_line() {
    let changes: &[(&str, &str, &str)] = &[
        (
            "CodeUri: target/lambda/one",
            "CodeUri: x\n      Layers: [a]",
            "One: the property `Layers`",
        ),
        ("CodeUri: target/lambda/one", "CodeUri: ./", "One: `CodeUri` must be a folder"),
        ("CodeUri: target/lambda/one", "CodeUri: one.zip", "One: `CodeUri` must be a folder"),
        ("Runtime: provided.al2023", "Runtime: python3.13", "One: `Runtime`"),
        (
            "Timeout: !If [Production, 7, 8]",
            "Timeout: 901",
            "One: `Timeout` must be a whole number from 1 to 900",
        ),
        ("B: own", "AWS_REGION: x", "One.Environment.Variables: `AWS_REGION` is reserved"),
        ("B: own", "B: !Ref Unknown", "there is no parameter or resource `Unknown`"),
        ("B: own", "B: !GetAtt Absent.Arn", "`Absent` doesn't exist"),
        ("B: own", "B: !ImportValue x", "Fn::ImportValue isn't supported"),
        ("{ Type: HttpApi }", "{ Type: S3 }", "One.Events.Everything: `Type` S3"),
        (
            "{ Type: HttpApi }",
            "{ Type: HttpApi, Properties: { Auth: { InvokeRole: x } } }",
            "the property `InvokeRole`",
        ),
        (
            "{ Type: HttpApi }",
            "{ Type: HttpApi, Properties: { Auth: { Authorizer: who } } }",
            "`Auth` names no authorizer of the API: who",
        ),
        ("{ Type: HttpApi }", "{ Type: EventBridgeRule }", "`Pattern` is missing"),
        (
            "{ Type: HttpApi }",
            "{ Type: EventBridgeRule, Properties: { Pattern: { source: a } } }",
            "`Pattern` holds a rule that isn't a list",
        ),
        (
            "{ Type: HttpApi }",
            "{ Type: EventBridgeRule, Properties: { Pattern: { source: [a] }, InputPath: $.x } }",
            "the property `InputPath`",
        ),
        (
            "{ Type: AWS::SQS::Queue }",
            "{ Type: AWS::SQS::Queue, Properties: { FifoQueue: true } }",
            "Mail: the property `FifoQueue`",
        ),
        (
            "{ Type: AWS::SQS::Queue }",
            "{ Type: AWS::S3::Bucket }",
            "Mail: a resource of type AWS::S3::Bucket",
        ),
        (
            "{ Type: AWS::SQS::Queue }",
            "{ Type: AWS::EC2::VPC }",
            "which doesn't exist on this machine",
        ),
        ("Default: prod, ", "Default: test, ", "the parameter `Stage` can't be `test`"),
        ("Conditions:", "Hooks: {}\nConditions:", "the section `Hooks`"),
        (
            "!Equals [!Ref Stage, prod]",
            "!Condition Elsewhere",
            "`Conditions.Elsewhere` is defined by itself",
        ),
        ("Condition: Both", "Condition: None", "the condition `None` isn't defined"),
        ("!Not [!Condition Production]", "!Not []", "Fn::Not takes one condition"),
        ("[!Ref Stage, prod]", "[!Ref Stage]", "Fn::Equals takes two values"),
        ("!If [Production, 7, 8]", "!If [Production, 7]", "Fn::If takes a condition and two"),
        ("!Or [!Condition Production, !Condition Elsewhere]", "!Ref Stage", "isn't a condition"),
        (
            "  Mail: { Type: AWS::SQS::Queue }",
            "  Mail: { Type: AWS::SQS::Queue, Properties: { QueueName: !Ref Mail } }",
            "`Mail` is defined by itself",
        ),
    ];
    for (from, to, message) in changes {
        assert_eq!(SMALL.matches(from).count(), 1, "{from}");
        let changed = SMALL.replace(from, to);
        let fault = parse(&changed).expect_err(to);
        assert!(fault.message.contains(message), "{}: expected {message}", fault.message);
        let around = changed
            .lines()
            .skip(fault.line.saturating_sub(1))
            .take(2)
            .collect::<Vec<_>>()
            .join("\n");
        let named = fault.line > 1 || message.contains("can't be");
        assert!(named, "line {} of {to}: {around}", fault.line);
    }
    let unknown =
        Template::parse(SMALL, &target(), &BTreeMap::new(), &map(&[("Stag", "x")])).unwrap_err();
    assert!(unknown.message.contains("no parameter `Stag`"));
    // A default for a parameter that a template hasn't got is no mistake.
    Template::parse(SMALL, &target(), &map(&[("Elsewhere", "x")]), &BTreeMap::new()).unwrap();
}

#[test]
fn duplicate_resource_is_refused_with_its_line() {
    let second = |resources: &str| parse(&format!("{SMALL}{resources}"));
    let end = SMALL.lines().count();
    let api = "  ApiA: { Type: AWS::Serverless::HttpApi }\n";
    let function = "  Two:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: two/\n      Events:\n";
    let get = |event: &str, path: &str| {
        format!(
            "        {event}: {{ Type: HttpApi, Properties: {{ Method: GET, Path: '{path}' }} }}\n"
        )
    };
    second(&(function.to_owned() + &get("X", "/a/{b}") + &get("Y", "/a/{b+}") + &get("Z", "/a")))
        .unwrap();
    let implied = second(api).expect_err("the small template's own route has SAM make one");
    assert!(implied.message.contains("`ApiId` is missing"), "{}", implied.message);
    for (resources, line, message) in [
        (
            format!("{api}  ApiB: {{ Type: AWS::Serverless::HttpApi }}\n"),
            2,
            "ApiB: only one HTTP API is supported on this machine, and there is ApiA",
        ),
        (
            "  Post: { Type: AWS::SQS::Queue, Properties: { QueueName: shop-Mail } }\n".to_owned(),
            1,
            "Post: the name `shop-Mail` is taken, and there is Mail",
        ),
        (
            "  T1: { Type: AWS::DynamoDB::Table, Properties: { TableName: t, KeySchema: [], AttributeDefinitions: [] } }\n  T2: { Type: AWS::DynamoDB::Table, Properties: { TableName: t } }\n".to_owned(),
            2,
            "T2: the name `t` is taken, and there is T1",
        ),
        (
            function.replace("CodeUri", "FunctionName: shop-One\n      CodeUri") + &get("X", "/x"),
            1,
            "Two: the name `shop-One` is taken, and there is One",
        ),
        (
            function.to_owned() + "        All: { Type: HttpApi }\n",
            6,
            "$default leads to the function `shop-One` already",
        ),
        (
            function.to_owned() + &get("X", "/a/{b}") + &get("Y", "/a/{c}"),
            7,
            "GET /a/{c} leads to the function `shop-Two` already",
        ),
        (
            function.to_owned() + "        All: { Type: HttpApi, Properties: { ApiId: !Ref Mail } }\n",
            6,
            "`ApiId` must refer to the AWS::Serverless::HttpApi",
        ),
    ] {
        let fault = second(&resources).expect_err(message);
        assert!(fault.message.contains(message), "{}: expected {message}", fault.message);
        assert_eq!(fault.line, end + line, "{}", fault.message);
    }
}

#[test]
fn an_error_says_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.yaml");
    std::fs::write(
        &path,
        SMALL.replace("CodeUri: target/lambda/one", "CodeUri: one\n      Bogus: 1"),
    )
    .unwrap();
    let error = Template::read(&path, &target(), &BTreeMap::new(), &BTreeMap::new()).unwrap_err();
    assert_eq!(error.line, 18);
    assert!(error.to_string().contains("template.yaml:18: One: the property `Bogus`"));
}
