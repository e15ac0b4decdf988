package build

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

// Keys in Secrets.
const (
	keyDSN      = "dsn"
	keyToken    = "token"
	keyPassword = "password"
)

// password is 160 bits in letters and digits.
func password(random func(int) []byte) []byte {
	return []byte(strings.ToLower(base32.StdEncoding.EncodeToString(random(20))))
}

// sealingKey is 256 bits in base64.
func sealingKey(random func(int) []byte) []byte {
	return []byte(base64.StdEncoding.EncodeToString(random(32)))
}

// generated returns a value of a Secret: the one that is there, else one that is made now.
func (b *builder) generated(secret, key string, generate func(func(int) []byte) []byte) []byte {
	if value, ok := b.in.Generated[secret][key]; ok && len(value) > 0 {
		return value
	}
	value := generate(b.in.Random)
	if b.in.Generated[secret] == nil {
		b.in.Generated[secret] = map[string][]byte{}
	}
	b.in.Generated[secret][key] = value // The next who asks gets the same.
	return value
}

// SecretNames returns the names of the Secrets whose data Inputs.Generated takes.
func SecretNames(p *v1alpha1.ChatPlatform) []string {
	names := []string{Name(p, "postgres"), Name(p, "redis")}
	for _, s := range catalogue {
		names = append(names, Name(p, s.name+"-token"))
		if s.database {
			names = append(names, Name(p, s.name))
		}
	}
	return names
}

// Irreplaceable returns the names of the Secrets with values that can't be made anew: what was sealed with them, or runs with them, takes
// no others. The password of Postgres is in the connection strings, too.
func Irreplaceable(p *v1alpha1.ChatPlatform) []string {
	names := []string{Name(p, "auth")}
	if (&builder{ChatPlatform: p}).trialRedis() {
		names = append(names, Name(p, "redis"))
	}
	return names
}

// secrets are the tokens that services and their sidecars know each other by, and what services read through Dapr. They outlive the platform together
// with the trial data, which can't be read without them.
func (b *builder) secrets() ([]client.Object, error) {
	var out []client.Object
	for _, s := range catalogue {
		name := b.name(s.name + "-token")
		out = append(out, b.secret(name, s.name, map[string][]byte{keyToken: b.generated(name, keyToken, password)}))
		if !s.database {
			continue
		}
		data, err := b.own(&s)
		if err != nil {
			return nil, err
		}
		out = append(out, b.secret(b.name(s.name), s.name, data))
	}
	if b.trialPostgres() {
		out = append(out, b.secret(b.name("postgres"), "postgres", map[string][]byte{keyPassword: b.postgresPassword()}))
	}
	if b.trialRedis() {
		word := b.generated(b.name("redis"), keyPassword, password)
		out = append(out, b.secret(b.name("redis"), "redis", map[string][]byte{
			keyPassword: word, "redis.conf": fmt.Appendf(nil, "requirepass %s\nappendonly yes\ndir /data\n", word),
		}))
	}
	return out, nil
}

// postgresPassword is on Postgres' volume for good: when its Secret is gone, a connection string still has it.
func (b *builder) postgresPassword() []byte {
	return b.generated(b.name("postgres"), keyPassword, func(random func(int) []byte) []byte {
		for _, s := range catalogue {
			dsn, err := url.Parse(string(b.in.Generated[b.name(s.name)][keyDSN]))
			if err != nil || dsn.Hostname() != b.name("postgres") {
				continue
			}
			if word, ok := dsn.User.Password(); ok {
				return []byte(word)
			}
		}
		return password(random)
	})
}

// own is what a service with a database reads through Dapr at its start.
func (b *builder) own(s *service) (map[string][]byte, error) {
	dsn, err := b.dsn(s.name)
	if err != nil {
		return nil, err
	}
	data := map[string][]byte{keyDSN: dsn}
	if s.name == "auth" {
		data["keySecret"] = b.generated(b.name(s.name), "keySecret", sealingKey)
		data["adminPassword"] = b.generated(b.name(s.name), "adminPassword", password)
	}
	return data, nil
}

func (b *builder) secret(name, part string, data map[string][]byte) client.Object {
	b.data[name] = data
	meta := b.kept(name, part)
	// A database of the user's own stays, whatever becomes of trial data, and so must what auth opens its keys in there with.
	opensKeys := name == b.name("auth") && !b.trialPostgres()
	if b.Spec.Trial.DeletionPolicy == v1alpha1.Delete && !opensKeys {
		meta = b.meta(name, part)
	}
	return &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: meta, Type: corev1.SecretTypeOpaque, Data: data,
	}
}

// dsn is how a service opens the database.
func (b *builder) dsn(service string) ([]byte, error) {
	if b.trialPostgres() {
		return fmt.Appendf(nil, "postgres://moim:%s@%s:5432/moim?sslmode=disable",
			b.postgresPassword(), b.name("postgres")), nil
	}
	for _, key := range []string{service, keyDSN} {
		if dsn := b.in.Database[key]; len(dsn) > 0 {
			return dsn, nil
		}
	}
	return nil, &FieldError{"spec.database.secretRef", fmt.Sprintf("the Secret %s has neither a key %s nor a key %s; put a PostgreSQL connection string there",
		b.Spec.Database.SecretRef.Name, keyDSN, service)}
}

// checksum changes when what a service read at its start has changed.
func checksum(data map[string][]byte) string {
	keys := make([]string, 0, len(data))
	for key := range data {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	h := sha256.New()
	for _, key := range keys {
		fmt.Fprintf(h, "%s=%d:", key, len(data[key]))
		h.Write(data[key])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// accounts are a ServiceAccount for each service, and what it may read: its own Secret, and the settings.
func (b *builder) accounts() []client.Object {
	var out []client.Object
	for _, s := range catalogue {
		out = append(out, &corev1.ServiceAccount{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
			ObjectMeta: b.meta(b.name(s.name), s.name), AutomountServiceAccountToken: new(false),
		})
		rules := b.rules(&s)
		if len(rules) == 0 {
			continue
		}
		rbac := "rbac.authorization.k8s.io"
		out = append(out,
			&rbacv1.Role{
				TypeMeta:   metav1.TypeMeta{APIVersion: rbac + "/v1", Kind: "Role"},
				ObjectMeta: b.meta(b.name(s.name), s.name), Rules: rules,
			},
			&rbacv1.RoleBinding{
				TypeMeta:   metav1.TypeMeta{APIVersion: rbac + "/v1", Kind: "RoleBinding"},
				ObjectMeta: b.meta(b.name(s.name), s.name),
				RoleRef:    rbacv1.RoleRef{APIGroup: rbac, Kind: "Role", Name: b.name(s.name)},
				Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: b.name(s.name), Namespace: b.Namespace}},
			})
	}
	return out
}

// rules is what the sidecar of a service may ask of the API server.
func (b *builder) rules(s *service) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	if s.database {
		rules = append(rules, rbacv1.PolicyRule{
			APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{b.name(s.name)}, Verbs: []string{"get"},
		})
	}
	if b.Spec.Config == nil && slices.Contains(s.blocks, "config") {
		rules = append(rules, rbacv1.PolicyRule{
			APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{b.name("settings")},
			Verbs: []string{"get", "list", "watch"},
		})
	}
	return rules
}
