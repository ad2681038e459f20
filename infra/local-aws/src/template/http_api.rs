//! An HTTP API that is written out: `AWS::ApiGatewayV2::…`.
//!
//! Sources: the CloudFormation user guide ("Amazon API Gateway V2 resource type
//! reference") and API Gateway's developer guide ("Working with HTTP APIs").

mod cors;
mod events;
mod throttle;

use std::{sync::Arc, time::Duration};

use super::{
    error::Fault,
    event::INTEGRATION_TIMEOUT,
    intrinsics::Scope,
    physical::{self, Resource},
    properties::Properties,
};
use crate::{
    gateway::Cors,
    route::{Authorizer, Method, Path, Route},
};

pub(crate) use events::{for_event, read_auth};

/// Where a token stands in a request.
const AUTHORIZATION: &str = "$request.header.Authorization";

/// Who may invoke a function for an HTTP API.
const PRINCIPAL: &str = "apigateway.amazonaws.com";

/// The API itself says only which pages of other sites may ask.
pub(crate) fn api(scope: &Scope<'_>, id: &str, resource: &Resource) -> Result<Option<Cors>, Fault> {
    let properties = Properties::for_resource(scope, id, resource)?;
    properties.require("ProtocolType", "HTTP")?;
    let configuration = properties.section("CorsConfiguration")?;
    // AWS::NoValue leaves nothing of it.
    let configuration = configuration.filter(|section| !section.names().is_empty());
    let cors = configuration.map(cors::read).transpose()?;
    properties.finish()?;
    Ok(cors)
}

/// The stage whose name isn't part of any path; everything is deployed to it at
/// once.
pub(crate) fn stage(scope: &Scope<'_>, id: &str, resource: &Resource) -> Result<(), Fault> {
    let properties = for_api(scope, id, resource)?;
    throttle::check(scope, &properties, resource)?;
    properties.require("StageName", "$default")?;
    if properties.boolean("AutoDeploy")? != Some(true) {
        return Err(properties.fault("AutoDeploy", "must be true: nothing else deploys its routes"));
    }
    properties.finish()
}

/// A JWT authorizer.
pub(crate) fn authorizer(
    scope: &Scope<'_>,
    id: &str,
    resource: &Resource,
) -> Result<Authorizer, Fault> {
    let properties = for_api(scope, id, resource)?;
    let name = properties.required("Name")?;
    properties.require("AuthorizerType", "JWT")?;
    if properties.texts("IdentitySource")? != [AUTHORIZATION] {
        return Err(properties.only_supports("IdentitySource", &format!("[{AUTHORIZATION}]")));
    }
    jwt_authorizer(name, properties, "Issuer", "Audience")
}

/// What a JWT authorizer says of tokens, in the words of SAM or of CloudFormation.
fn jwt_authorizer(
    name: String,
    properties: Properties<'_>,
    issuer: &str,
    audience: &str,
) -> Result<Authorizer, Fault> {
    let jwt = properties.required_section("JwtConfiguration")?;
    let issuer = jwt.required(issuer)?;
    let accepted = jwt.texts(audience)?;
    if !(1..=50).contains(&accepted.len()) {
        return Err(jwt.fault(audience, "must have 1 to 50 entries"));
    }
    jwt.finish()?;
    properties.finish()?;
    Ok(Authorizer { name, issuer, audience: accepted })
}

/// Which function a route leads to, and how long that may take.
struct Integration {
    function: String,
    timeout: Duration,
}

/// Checks an integration, also one that no route leads to.
pub(crate) fn integration(scope: &Scope<'_>, id: &str, resource: &Resource) -> Result<(), Fault> {
    read_integration(scope, id, resource).map(drop)
}

fn read_integration(
    scope: &Scope<'_>,
    id: &str,
    resource: &Resource,
) -> Result<Integration, Fault> {
    let properties = for_api(scope, id, resource)?;
    properties.require("IntegrationType", "AWS_PROXY")?;
    // CloudFormation's own choice of format is the older one.
    properties.require("PayloadFormatVersion", "2.0")?;
    const EXPECTED: &str = "ARN of a function of this template";
    let function = properties.name_in_arn("IntegrationUri", ("lambda", "function:"), EXPECTED)?;
    if !scope.has_function(&function)? {
        return Err(properties.fault("IntegrationUri", format!("must be the {EXPECTED}")));
    }
    let timeout = properties
        .number("TimeoutInMillis", 50, INTEGRATION_TIMEOUT)?
        .unwrap_or(INTEGRATION_TIMEOUT);
    let timeout = Duration::from_millis(timeout.unsigned_abs());
    if !may_invoke(scope, &function)? {
        let message = format!(
            "leads to a function that API Gateway may not invoke: an AWS::Lambda::Permission for {PRINCIPAL} is missing"
        );
        return Err(properties.fault("IntegrationUri", message));
    }
    properties.finish()?;
    Ok(Integration { function, timeout })
}

/// Whether a permission of the template lets the API invoke a function. Without
/// one, each of its routes would answer 500 once it is deployed.
fn may_invoke(scope: &Scope<'_>, function: &str) -> Result<bool, Fault> {
    let arn = scope.target.arn("lambda", &format!("function:{function}"));
    let api = scope.target.arn("execute-api", &format!("{}/", scope.target.api_id));
    for (id, resource) in scope.made_of(physical::PERMISSION)? {
        let properties = Properties::for_resource(scope, id, resource)?;
        if properties.required("Principal")? != PRINCIPAL {
            continue;
        }
        let named = properties.required("FunctionName")?;
        // Every stage, method and path: what is narrower isn't worked out here.
        let whole = properties.text("SourceArn")?.is_none_or(|source| {
            source.strip_prefix(&api).is_some_and(|rest| matches!(rest, "*" | "*/*" | "*/*/*"))
        });
        if (named == function || named == arn)
            && properties.required("Action")? == "lambda:InvokeFunction"
            && whole
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A route, with what it leads to and who may take it.
pub(crate) fn route(scope: &Scope<'_>, id: &str, resource: &Resource) -> Result<Route, Fault> {
    let properties = for_api(scope, id, resource)?;
    let key = properties.required("RouteKey")?;
    let fault = |message: String| properties.fault("RouteKey", message);
    let (method, path) = match key.split_once(' ') {
        None if key == "$default" => (Method::Any, Path::Default),
        None => return Err(fault(format!("must be a method and a path, unlike `{key}`"))),
        Some((method, path)) => {
            (Method::parse(method).map_err(fault)?, Path::parse(path).map_err(fault)?)
        }
    };
    let target = properties.required("Target")?;
    let integration = target.strip_prefix("integrations/").and_then(|id| {
        let resource = scope.resource(id).filter(|found| found.kind == physical::INTEGRATION)?;
        Some(read_integration(scope, id, resource))
    });
    let integration = integration.ok_or_else(|| {
        properties.fault("Target", "must be integrations/, and then the id of an integration")
    })??;
    let authorizer = match (
        properties.text("AuthorizationType")?.as_deref(),
        properties.text("AuthorizerId")?,
    ) {
        (None | Some("NONE"), None) => None,
        (Some("JWT"), Some(named)) => {
            let found = scope.resource(&named).filter(|found| found.kind == physical::AUTHORIZER);
            let found = found.ok_or_else(|| {
                properties.fault("AuthorizerId", "must refer to an authorizer of this template")
            })?;
            Some(Arc::new(authorizer(scope, &named, found)?))
        }
        _ => {
            return Err(properties.fault(
                "AuthorizationType",
                "must be JWT, together with an AuthorizerId, or NONE on this machine",
            ));
        }
    };
    if !scope.has(physical::STAGE)? {
        return Err(properties.fault("ApiId", "refers to an API that has no stage"));
    }
    properties.finish()?;
    let Integration { function, timeout } = integration;
    let limit = throttle::for_route(scope, &key)?;
    Ok(Route { function, method, path, timeout, authorizer, limit })
}

/// The properties of something that belongs to the HTTP API.
fn for_api<'s>(
    scope: &'s Scope<'s>,
    id: &str,
    resource: &Resource,
) -> Result<Properties<'s>, Fault> {
    let properties = Properties::for_resource(scope, id, resource)?;
    if properties.required("ApiId")? == scope.target.api_id && scope.has(physical::API)? {
        Ok(properties)
    } else {
        // Beside routes that SAM makes of events, API Gateway keeps no others:
        // it deletes them with the next update of the stack.
        Err(properties.fault("ApiId", "must refer to an AWS::ApiGatewayV2::Api of this template"))
    }
}

#[cfg(test)]
mod tests;
