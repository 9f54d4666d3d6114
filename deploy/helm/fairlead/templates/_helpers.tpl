{{- define "fairlead.name" -}}
{{- if .Values.nameOverride -}}
{{- .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains "fairlead" .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-fairlead" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "fairlead.selector" -}}
app.kubernetes.io/name: fairlead
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "fairlead.labels" -}}
{{ include "fairlead.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* fairlead.yaml. Empty fields are left out: the gateway refuses a field without a value. */}}
{{- define "fairlead.config" -}}
{{- $names := list -}}
{{- range .Values.backends -}}
{{- if has .name $names -}}{{- fail (printf "backends: the name %q stands twice" .name) -}}{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- range $i, $route := .Values.routes -}}
{{- range $route.backendRefs -}}
{{- if not (has .name $names) -}}
{{- fail (printf "routes[%d]: the backend %q is not among backends: %s" $i .name (join ", " $names)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $listener := dict "name" "rpc" "address" .Values.listenAddress "port" (int .Values.ports.rpc) -}}
{{- if .Values.tls.secretName -}}
{{- $tls := dict "certFile" "/etc/fairlead-tls/tls.crt" "keyFile" "/etc/fairlead-tls/tls.key" -}}
{{- if .Values.tls.clientCa -}}{{- $_ := set $tls "clientCaFile" "/etc/fairlead-tls/ca.crt" -}}{{- end -}}
{{- $_ := set $listener "tls" $tls -}}
{{- end -}}
{{- if .Values.cors -}}{{- $_ := set $listener "cors" .Values.cors -}}{{- end -}}
{{- $config := dict "listeners" (list $listener) "backends" .Values.backends -}}
{{- $_ := set $config "admin" (dict "address" .Values.listenAddress "port" (int .Values.ports.admin)) -}}
{{- $_ := set $config "drain" (dict "delay" (printf "%ds" (int .Values.drain.delaySeconds)) "timeout" (printf "%ds" (int .Values.drain.timeoutSeconds))) -}}
{{- range $field := list "routes" "limits" "log" -}}
{{- with index $.Values $field -}}{{- $_ := set $config $field . -}}{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "fairlead.graceSeconds" -}}
{{- with .Values.drain -}}
{{- add (int .preStopSeconds) (int .delaySeconds) (int .timeoutSeconds) (int .marginSeconds) -}}
{{- end -}}
{{- end -}}

{{/* The ports of the pods, when every target has the form dns:///host:port; else empty: nothing is known of where they are. */}}
{{- define "fairlead.podPorts" -}}
{{- $ports := list -}}
{{- $known := true -}}
{{- range .Values.backends -}}
{{- if regexMatch "^dns:///[^/]+:[0-9]+$" .target -}}
{{- $ports = append $ports (regexFind "[0-9]+$" .target) -}}
{{- else -}}
{{- $known = false -}}
{{- end -}}
{{- end -}}
{{- if $known -}}{{- join " " ($ports | uniq | sortAlpha) -}}{{- end -}}
{{- end -}}
