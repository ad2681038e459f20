//! An HTTP API whose routes are events of functions: `AWS::Serverless::HttpApi`.
//!
//! Source: the AWS Serverless Application Model developer guide (`HttpApi`,
//! `HttpApiAuth`, `OAuth2Authorizer`, `HttpApiFunctionAuth`).

use std::{collections::BTreeMap, sync::Arc};

use super::super::{
    error::Fault,
    intrinsics::Scope,
    physical::{self, Resource},
    properties::Properties,
};
use super::{AUTHORIZATION, jwt_authorizer};
use crate::route::Authorizer;

/// The authorizers by name, and the default one.
#[derive(Default)]
pub(crate) struct Auth {
    authorizers: BTreeMap<String, Arc<Authorizer>>,
    default: Option<String>,
}

/// Reads an HTTP API. Apart from who is let in it carries nothing that this
/// machine needs, but may say things that it couldn't honour.
pub(crate) fn read_auth(scope: &Scope<'_>, id: &str, resource: &Resource) -> Result<Auth, Fault> {
    let properties = Properties::for_resource(scope, id, resource)?;
    properties.only("StageName", "$default")?;
    let auth = properties.section("Auth")?.map(read).transpose()?;
    properties.finish()?;
    Ok(auth.unwrap_or_default())
}

fn read(section: Properties<'_>) -> Result<Auth, Fault> {
    let mut auth = Auth::default();
    if let Some(authorizers) = section.section("Authorizers")? {
        for name in authorizers.names() {
            let Some(one) = authorizers.section(&name)? else { continue };
            auth.authorizers.insert(name.clone(), Arc::new(authorizer(name, one)?));
        }
        authorizers.finish()?;
    }
    auth.default = section.text("DefaultAuthorizer")?;
    if let Some(name) = &auth.default
        && !auth.authorizers.contains_key(name)
    {
        return Err(section.fault("DefaultAuthorizer", format!("names no authorizer: {name}")));
    }
    section.finish()?;
    Ok(auth)
}

/// A JWT authorizer, which SAM calls OAuth 2 as well.
fn authorizer(name: String, properties: Properties<'_>) -> Result<Authorizer, Fault> {
    properties.require("IdentitySource", AUTHORIZATION)?;
    jwt_authorizer(name, properties, "issuer", "audience")
}

/// Who lets requests in on the route of a function's event.
pub(crate) fn for_event(
    scope: &Scope<'_>,
    event: &Properties<'_>,
) -> Result<Option<Arc<Authorizer>>, Fault> {
    let mut auth = Auth::default();
    for (id, resource) in scope.made_of(physical::HTTP_API)? {
        auth = read_auth(scope, id, resource)?;
    }
    let mut name = auth.default.clone();
    if let Some(own) = event.section("Auth")? {
        name = own.text("Authorizer")?.or(name);
        own.finish()?;
    }
    match name {
        None => Ok(None),
        Some(name) if name == "NONE" && auth.default.is_some() => Ok(None),
        Some(name) => match auth.authorizers.get(&name) {
            Some(authorizer) => Ok(Some(authorizer.clone())),
            None => Err(event.fault("Auth", format!("names no authorizer of the API: {name}"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{assert_refused, parse};

    const SMALL: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: session
        Authorizers:
          session:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: { issuer: https://a.example.com, audience: [birds] }
          other:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: { issuer: https://b.example.com, audience: [geese] }
  One:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      CodeUri: one/
      Events:
        A: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: /a } }
        B: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: /b, Auth: { Authorizer: other } } }
        C: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: /c, Auth: { Authorizer: NONE } } }
";

    #[test]
    fn a_route_has_the_authorizer_that_it_names_or_the_default() {
        let template = parse(SMALL).unwrap();
        let of = |path: &str| {
            let route = template.routes.iter().find(|route| route.to_string() == path).unwrap();
            let authorizer = route.authorizer.as_ref()?;
            Some((authorizer.issuer.as_str(), authorizer.audience.join(",")))
        };
        assert_eq!(of("GET /a"), Some(("https://a.example.com", "birds".to_owned())));
        assert_eq!(of("GET /b"), Some(("https://b.example.com", "geese".to_owned())));
        assert_eq!(of("GET /c"), None);
    }

    #[test]
    fn unsupported_api_property_is_refused_with_its_line() {
        for (from, to, line, message) in [
            ("DefaultAuthorizer: session", "DefaultAuthorizer: who", 7, "names no authorizer: who"),
            ("DefaultAuthorizer: session", "EnableIamAuthorizer: true", 7, "`EnableIamAuthorizer`"),
            ("Authorizer: other", "Authorizer: who", 22, "names no authorizer of the API: who"),
            ("audience: [geese]", "audience: []", 14, "`audience` must have 1 to 50 entries"),
            (", audience: [geese]", ", Audience: [geese]", 14, "must have 1 to 50 entries"),
            ("issuer: https://b.example.com, ", "", 14, "`issuer` is missing"),
            (
                "          other:\n            IdentitySource: $request.header.Authorization",
                "          other:\n            IdentitySource: $request.querystring.t",
                13,
                "`IdentitySource` isn't supported",
            ),
            (
                "          other:\n",
                "          other:\n            AuthorizationScopes: [a]\n",
                13,
                "`AuthorizationScopes`",
            ),
            (
                "      Auth:\n",
                "      CorsConfiguration: true\n      Auth:\n",
                6,
                "`CorsConfiguration`",
            ),
        ] {
            assert_refused(SMALL, from, to, line, message);
        }
    }
}
