//! Policies of roles, and how they decide.

use super::authorization_request::AuthorizationRequest;
use super::pattern::{Pattern, like};
use super::uses::{Unused, Use};

/// Whether a statement allows or denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It allows.
    Allow,
    /// It denies, whatever other statements allow.
    Deny,
}

/// One statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Where it stands in the template, counted from 1.
    pub line: usize,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// As in `dynamodb:PutItem` or `dynamodb:*`, in any case of letters.
    pub actions: Vec<String>,
    /// On what.
    pub resources: Vec<Pattern>,
    /// `dynamodb:LeadingKeys` with `ForAllValues:StringLike`: what the partition
    /// keys of all items of the call must be like; of any items if `None`.
    pub leading_keys: Option<Vec<String>>,
    /// `lambda:SourceFunctionArn` with `ArnEquals`: only calls by the code of
    /// these functions, not by Lambda with their role; all calls if `None`.
    pub code_of: Option<Vec<Pattern>>,
}

/// The statements of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy(pub Vec<Statement>);

/// A policy's decision on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it and none denies it.
    Allowed,
    /// No statement concerns it.
    NotAllowed,
    /// A statement denies it.
    Denied,
}

impl Policy {
    /// Decides as AWS does: denied by default, allowed by a statement, and an
    /// explicit denial overrides that ("Policy evaluation logic").
    pub fn decide(&self, asked: &AuthorizationRequest) -> Decision {
        let mut decision = Decision::NotAllowed;
        for statement in self.0.iter().filter(|statement| statement.concerns(asked)) {
            match statement.effect {
                Effect::Deny => return Decision::Denied,
                Effect::Allow => decision = Decision::Allowed,
            }
        }
        decision
    }

    /// Each pair of an action and a resource that it allows and that is among none
    /// of these uses, all of them by the function whose policy this is.
    pub fn unused(&self, uses: &[Use]) -> Vec<Unused> {
        let mut unused = Vec::new();
        for statement in self.0.iter().filter(|it| it.effect == Effect::Allow) {
            for action in &statement.actions {
                for resource in &statement.resources {
                    let used = |it: &Use| is(action, &it.action) && resource.fits(&it.resource);
                    if !uses.iter().any(used) {
                        unused.push(Unused {
                            line: statement.line,
                            action: action.clone(),
                            resource: resource.to_string(),
                        });
                    }
                }
            }
        }
        unused
    }
}

impl Statement {
    fn concerns(&self, asked: &AuthorizationRequest) -> bool {
        self.actions.iter().any(|action| is(action, &asked.action))
            && self.resources.iter().any(|resource| resource.fits(&asked.resource))
            && self.leading_keys.as_ref().is_none_or(|patterns| {
                // Where it isn't known which items are meant, AWS would let the call
                // pass ("ForAllValues"); it is safer not to.
                asked.leading_keys.as_ref().is_some_and(|keys| {
                    keys.iter().all(|key| patterns.iter().any(|pattern| like(pattern, key)))
                })
            })
            && self.code_of.as_ref().is_none_or(|functions| {
                let code_of = asked.code_of.as_deref();
                code_of.is_some_and(|arn| functions.iter().any(|function| function.fits(arn)))
            })
    }
}

/// Names of services and actions are the same in any case of letters.
fn is(action: &str, asked: &str) -> bool {
    like(&action.to_ascii_lowercase(), &asked.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKS: &str = "arn:aws:dynamodb:us-west-2:123456789012:table/Books";

    fn statement(effect: Effect, actions: &[&str], resources: &[&str]) -> Statement {
        Statement {
            line: 1,
            effect,
            actions: actions.iter().map(|&action| action.to_owned()).collect(),
            resources: resources.iter().map(|text| Pattern::parse(text).unwrap()).collect(),
            leading_keys: None,
            code_of: None,
        }
    }

    fn request(action: &str, resource: &str) -> AuthorizationRequest {
        AuthorizationRequest::new(action, resource)
    }

    #[test]
    fn action_without_a_statement_is_not_allowed() {
        let actions = ["dynamodb:GetItem", "dynamodb:Query"];
        let policy = Policy(vec![statement(Effect::Allow, &actions, &[BOOKS])]);
        let decide = |action: &str, resource: &str| policy.decide(&request(action, resource));
        assert_eq!(decide("dynamodb:GetItem", BOOKS), Decision::Allowed);
        assert_eq!(decide("dynamodb:Query", BOOKS), Decision::Allowed);
        assert_eq!(decide("dynamodb:PutItem", BOOKS), Decision::NotAllowed);
        assert_eq!(decide("dynamodb:GetItem", &BOOKS.replace("Bo", "Co")), Decision::NotAllowed);
        let index = format!("{BOOKS}/index/title");
        assert_eq!(decide("dynamodb:Query", &index), Decision::NotAllowed);
        assert_eq!(
            Policy::default().decide(&request("dynamodb:GetItem", BOOKS)),
            Decision::NotAllowed
        );
    }

    #[test]
    fn an_explicit_denial_overrides_what_is_allowed() {
        let allow = statement(Effect::Allow, &["dynamodb:*"], &["*"]);
        let deny = statement(Effect::Deny, &["dynamodb:Delete*"], &[BOOKS]);
        for policy in [Policy(vec![allow.clone(), deny.clone()]), Policy(vec![deny, allow])] {
            assert_eq!(policy.decide(&request("dynamodb:PutItem", BOOKS)), Decision::Allowed);
            assert_eq!(policy.decide(&request("dynamodb:DeleteItem", BOOKS)), Decision::Denied);
            let other = format!("{BOOKS}2");
            assert_eq!(policy.decide(&request("dynamodb:DeleteItem", &other)), Decision::Allowed);
        }
    }

    #[test]
    fn names_of_actions_are_the_same_in_any_case() {
        let policy = Policy(vec![statement(Effect::Allow, &["DynamoDB:getitem"], &["*"])]);
        assert_eq!(policy.decide(&request("dynamodb:GetItem", BOOKS)), Decision::Allowed);
    }

    #[test]
    fn all_leading_keys_have_to_be_like_one_that_is_named() {
        let mut statement = statement(Effect::Allow, &["dynamodb:GetItem"], &[BOOKS]);
        statement.leading_keys = Some(vec!["token_refresh#*".to_owned(), "Richard".to_owned()]);
        let policy = Policy(vec![statement]);
        let decide = |keys: Option<&[&str]>| {
            let leading_keys = keys.map(|keys| keys.iter().map(|&key| key.to_owned()).collect());
            policy.decide(&AuthorizationRequest {
                leading_keys,
                ..request("dynamodb:GetItem", BOOKS)
            })
        };
        assert_eq!(decide(Some(&["token_refresh#wx1"])), Decision::Allowed);
        assert_eq!(decide(Some(&["Richard", "token_refresh#"])), Decision::Allowed);
        assert_eq!(decide(Some(&["Richard", "Rick"])), Decision::NotAllowed);
        assert_eq!(decide(None), Decision::NotAllowed);
    }

    #[test]
    fn denial_for_a_functions_code_does_not_bind_lambda_itself() {
        let read = "arn:aws:lambda:us-west-2:123456789012:function:read";
        let deny = Statement {
            code_of: Some(vec![Pattern::parse(read).unwrap()]),
            ..statement(Effect::Deny, &["ec2:*"], &["*"])
        };
        let policy = Policy(vec![statement(Effect::Allow, &["ec2:*"], &["*"]), deny]);
        let decide = |code_of: Option<&str>| {
            let asked = request("ec2:CreateNetworkInterface", "*");
            policy.decide(&AuthorizationRequest { code_of: code_of.map(str::to_owned), ..asked })
        };
        assert_eq!(decide(None), Decision::Allowed);
        assert_eq!(decide(Some(read)), Decision::Denied);
        assert_eq!(decide(Some(&read.replace("read", "write"))), Decision::Allowed);
    }

    #[test]
    fn unused_permission_is_found() {
        let actions = ["dynamodb:GetItem", "dynamodb:PutItem"];
        let tokens = "arn:aws:ssm:us-west-2:123456789012:parameter/tokens/*";
        let policy = Policy(vec![
            statement(Effect::Allow, &actions, &[BOOKS]),
            statement(Effect::Allow, &["ssm:GetParameter"], &[tokens]),
            statement(Effect::Deny, &["ssm:PutParameter"], &[tokens]),
        ]);
        let usage = |action: &str, resource: &str| Use {
            function: "read".to_owned(),
            action: action.to_owned(),
            resource: resource.to_owned(),
        };
        let uses = [
            usage("dynamodb:GetItem", BOOKS),
            usage("dynamodb:PutItem", &format!("{BOOKS}2")),
            usage("ssm:GetParameter", &tokens.replace('*', "wx1")),
        ];
        let unused: Vec<_> = policy.unused(&uses).into_iter().map(|it| it.action).collect();
        assert_eq!(unused, ["dynamodb:PutItem"]);
        assert_eq!(policy.unused(&[]).len(), 3);
    }
}
