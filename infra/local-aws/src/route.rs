//! Routes of an HTTP API: how they are written, and which one a request meets.

use std::{cmp::Ordering, collections::BTreeMap, fmt, sync::Arc, time::Duration};

/// A route and where it leads.
#[derive(Clone, Debug)]
pub struct Route {
    /// The function's name.
    pub function: String,
    /// Which methods it takes.
    pub method: Method,
    /// Which paths it takes.
    pub path: Path,
    /// How long the function may take before the client is sent away.
    pub timeout: Duration,
    /// The authorizer; without one every request is let in.
    pub authorizer: Option<Arc<Authorizer>>,
    /// How many requests it takes.
    pub limit: Limit,
}

/// What a stage says of a route's requests. What isn't said isn't limited on this
/// machine; on AWS there is the limit of the account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limit {
    /// Requests a second.
    pub rate: Option<f64>,
    /// Requests at once.
    pub burst: Option<u32>,
}

/// A JWT authorizer: whose tokens let a request in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorizer {
    /// Its name.
    pub name: String,
    /// Who issues the tokens, and publishes the keys that verify them.
    pub issuer: String,
    /// Whom the tokens may be for.
    pub audience: Vec<String>,
}

/// The method of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// `ANY`
    Any,
    /// One, in capitals.
    Is(String),
}

/// The path of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// `$default`: whatever nothing else takes.
    Default,
    /// `/callback/{app}`
    Segments(Vec<Segment>),
}

/// A part of a path, between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Exactly this.
    Literal(String),
    /// `{name}`: anything but nothing.
    Parameter(String),
    /// `{name+}`: everything that is left, at least one part.
    Greedy(String),
}

impl Route {
    /// What tells routes apart: the method, and the path without the names of
    /// its parameters. Two routes of the same key would take the same requests.
    pub(crate) fn key(&self) -> String {
        let Path::Segments(segments) = &self.path else { return "$default".to_owned() };
        let method = match &self.method {
            Method::Any => "ANY",
            Method::Is(method) => method,
        };
        let parts = segments.iter().map(|segment| match segment {
            Segment::Literal(text) => text.as_str(),
            Segment::Parameter(_) => "{}",
            Segment::Greedy(_) => "{+}",
        });
        format!("{method} /{}", parts.collect::<Vec<_>>().join("/"))
    }
}

impl Method {
    /// Reads `GET`, `post`, `ANY` and its two other spellings.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "ANY" | "*" | "X-AMAZON-APIGATEWAY-ANY-METHOD" => Ok(Self::Any),
            method @ ("GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS") => {
                Ok(Self::Is(method.to_owned()))
            }
            other => Err(format!("must be an HTTP method or ANY, not `{other}`")),
        }
    }

    fn takes(&self, method: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Is(own) => own == method,
        }
    }
}

impl Path {
    /// Reads `/a/{b}/{c+}` or `$default`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "$default" {
            return Ok(Self::Default);
        }
        let rest = text
            .strip_prefix('/')
            .ok_or_else(|| format!("must begin with a slash, unlike `{text}`"))?;
        let parts: Vec<&str> = rest.split('/').collect();
        let mut segments = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let segment = match part.strip_prefix('{').map(|inner| inner.strip_suffix('}')) {
                None if part.contains(['{', '}']) => {
                    return Err(format!("`{part}`: a parameter is a whole part of the path"));
                }
                None => Segment::Literal((*part).to_owned()),
                Some(None | Some("" | "+")) => return Err(format!("`{part}` isn't a parameter")),
                Some(Some(name)) => match name.strip_suffix('+') {
                    Some(name) if index + 1 == parts.len() => Segment::Greedy(name.to_owned()),
                    Some(_) => return Err(format!("`{part}` must be the last part of the path")),
                    None => Segment::Parameter(name.to_owned()),
                },
            };
            segments.push(segment);
        }
        Ok(Self::Segments(segments))
    }

    /// The parameters in a path that fits, or `None`.
    fn matches(&self, path: &str) -> Option<BTreeMap<String, String>> {
        let Self::Segments(segments) = self else { return Some(BTreeMap::new()) };
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let mut parameters = BTreeMap::new();
        for (index, segment) in segments.iter().enumerate() {
            let part = *parts.get(index)?;
            match segment {
                Segment::Literal(own) if own == part => {}
                Segment::Literal(_) => return None,
                Segment::Parameter(_) | Segment::Greedy(_) if part.is_empty() => return None,
                Segment::Parameter(name) => {
                    parameters.insert(name.clone(), part.to_owned());
                }
                Segment::Greedy(name) => {
                    parameters.insert(name.clone(), parts[index..].join("/"));
                    return Some(parameters);
                }
            }
        }
        (parts.len() == segments.len()).then_some(parameters)
    }

    /// A literal part is more specific than a parameter, a parameter than a
    /// greedy one, anything than `$default`.
    fn specificity(&self, other: &Self) -> Ordering {
        let rank = |segment: &Segment| match segment {
            Segment::Literal(_) => 2,
            Segment::Parameter(_) => 1,
            Segment::Greedy(_) => 0,
        };
        match (self, other) {
            (Self::Default, Self::Default) => Ordering::Equal,
            (Self::Default, Self::Segments(_)) => Ordering::Less,
            (Self::Segments(_), Self::Default) => Ordering::Greater,
            (Self::Segments(own), Self::Segments(other)) => {
                own.iter().map(rank).cmp(other.iter().map(rank))
            }
        }
    }
}

/// The route that takes a request and the parameters in its path.
///
/// The order is API Gateway's ("Create routes for HTTP APIs"): a full match of
/// route and method, then a match with a greedy parameter, then `$default`.
/// Among routes of the same path, the one that names the method wins over ANY.
pub(crate) fn choose<'r>(
    routes: &'r [Route],
    method: &str,
    path: &str,
) -> Option<(&'r Route, BTreeMap<String, String>)> {
    routes
        .iter()
        .filter(|route| route.method.takes(method))
        .filter_map(|route| Some((route, route.path.matches(path)?)))
        .max_by(|(one, _), (other, _)| {
            let named = |route: &Route| route.method != Method::Any;
            one.path.specificity(&other.path).then(named(one).cmp(&named(other)))
        })
}

/// `POST /callback/{app}`: the route key.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Path::Segments(segments) = &self.path else { return f.write_str("$default") };
        match &self.method {
            Method::Any => f.write_str("ANY ")?,
            Method::Is(method) => write!(f, "{method} ")?,
        }
        for segment in segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Parameter(name) => write!(f, "/{{{name}}}")?,
                Segment::Greedy(name) => write!(f, "/{{{name}+}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(keys: &[&str]) -> Vec<Route> {
        let route = |key: &&str| {
            let (method, path) = key.split_once(' ').unwrap_or(("ANY", key));
            Route {
                function: String::new(),
                method: Method::parse(method).unwrap(),
                path: Path::parse(path).unwrap(),
                timeout: Duration::from_secs(30),
                authorizer: None,
                limit: Limit::default(),
            }
        };
        keys.iter().map(route).collect()
    }

    /// The documentation's own example, and requests to it.
    #[test]
    fn the_most_specific_route_takes_a_request() {
        let mut routes = routes(&[
            "$default",
            "ANY /{proxy+}",
            "GET /pets/{proxy+}",
            "GET /pets/{id}",
            "GET /pets/dog/1",
            "ANY /pets/{id}",
        ]);
        // The order in which they are written doesn't matter.
        for _ in 0..2 {
            let key = |method, path| {
                choose(&routes, method, path).map(|(route, _)| route.to_string()).unwrap()
            };
            assert_eq!(key("GET", "/pets/dog/1"), "GET /pets/dog/1");
            assert_eq!(key("GET", "/pets/6"), "GET /pets/{id}");
            assert_eq!(key("POST", "/pets/6"), "ANY /pets/{id}");
            assert_eq!(key("GET", "/pets/dog/2"), "GET /pets/{proxy+}");
            assert_eq!(key("POST", "/test/5"), "ANY /{proxy+}");
            assert_eq!(key("GET", "/"), "$default");
            routes.reverse();
        }
    }

    #[test]
    fn parameters_are_taken_from_the_path() {
        let routes = routes(&["POST /callback/{app}", "GET /files/{path+}"]);
        let (_, parameters) = choose(&routes, "POST", "/callback/shop").unwrap();
        assert_eq!(parameters["app"], "shop");
        let (_, parameters) = choose(&routes, "GET", "/files/a/b/c").unwrap();
        assert_eq!(parameters["path"], "a/b/c");
        for (method, path) in [
            ("POST", "/callback/"),
            ("POST", "/callback"),
            ("GET", "/callback/shop"),
            ("POST", "/callback/shop/"),
            ("GET", "/files/"),
        ] {
            assert!(choose(&routes, method, path).is_none(), "{method} {path}");
        }
    }

    #[test]
    fn a_path_that_api_gateway_refuses_is_refused() {
        for path in ["callback", "/a{b}", "/{a+}/b", "/{}", "/{+}", "/{a"] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
        assert!(Method::parse("FETCH").is_err());
    }
}
