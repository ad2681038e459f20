//! The deployment target.

/// Where the template is deployed: this machine.
#[derive(Clone, Debug)]
pub struct DeploymentTarget {
    /// `AWS::StackName`, and the beginning of names that the template leaves out.
    pub stack: String,
    /// `AWS::Region`.
    pub region: String,
    /// `AWS::AccountId`.
    pub account: String,
    /// What `Ref` gives for the HTTP API.
    pub api_id: String,
    /// Where the HTTP API answers, without a slash at its end.
    pub http: String,
    /// Where AWS answers, without a slash at its end.
    pub aws: String,
}

impl DeploymentTarget {
    /// The ARN of something here.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    /// The ARN of a role: roles belong to no region.
    pub(super) fn role(&self, name: &str) -> String {
        format!("arn:aws:iam::{}:role/{name}", self.account)
    }

    pub(super) fn queue_url(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.aws, self.account)
    }

    pub(super) fn pseudo_parameter(&self, name: &str) -> Option<String> {
        Some(match name {
            "AWS::AccountId" => self.account.clone(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::Region" => self.region.clone(),
            "AWS::StackId" => self.arn("cloudformation", &format!("stack/{}/local", self.stack)),
            "AWS::StackName" => self.stack.clone(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            _ => return None,
        })
    }
}
