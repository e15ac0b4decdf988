{{- define "moim.name" -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "moim.selector" -}}
app.kubernetes.io/name: moim-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "moim.labels" -}}
{{ include "moim.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: moim
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* What the operator may do where the platforms are. Reading Secrets and ConfigMaps is also what it passes on to sidecars, by Roles. */}}
{{- define "moim.rules" -}}
- apiGroups: [moim.dev]
  resources: [chatplatforms]
  verbs: [get, list, watch]
- apiGroups: [moim.dev]
  resources: [chatplatforms/status]
  verbs: [get, patch, update]
# Some clusters ask for this of who makes a platform the owner of something.
- apiGroups: [moim.dev]
  resources: [chatplatforms/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [secrets, configmaps, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [dapr.io]
  resources: [components, configurations, resiliencies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors]
  verbs: [get, list, watch, create, patch, delete]
{{- end }}
