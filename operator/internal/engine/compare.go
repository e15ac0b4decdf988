package engine

import (
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
)

// shared returns the lists of a kind that others may add items to: the API server merges them by a key. Any other list is wanted as a whole.
func shared(kind string) []string {
	lists := []string{"ownerReferences", "finalizers"}
	switch kind {
	case "Deployment", "StatefulSet":
		return append(lists, "containers", "initContainers", "env", "ports", "volumes", "volumeMounts", "topologySpreadConstraints", "imagePullSecrets")
	case "Service":
		return append(lists, "ports")
	}
	return lists
}

// keys are what tells the items of a list apart, the most telling first.
var keys = []string{"mountPath", "uid", "topologyKey", "name"}

// contains says whether live has everything that is wanted, and more only beside it or in shared lists. An empty list or map may be absent.
func contains(shared []string, wanted, live any) bool {
	switch wanted := wanted.(type) {
	case map[string]any:
		liveMap, ok := live.(map[string]any)
		if !ok {
			return live == nil && isEmpty(wanted)
		}
		for key, value := range wanted {
			list, isList := value.([]any)
			liveList, isLiveList := liveMap[key].([]any)
			if isList && isLiveList && slices.Contains(shared, key) {
				if !hasItems(shared, list, liveList) {
					return false
				}
				continue
			}
			if !contains(shared, value, liveMap[key]) {
				return false
			}
		}
		return true
	case []any:
		liveList, ok := live.([]any)
		if !ok {
			return live == nil && len(wanted) == 0
		}
		if len(wanted) != len(liveList) {
			return false
		}
		for i := range wanted {
			if !contains(shared, wanted[i], liveList[i]) {
				return false
			}
		}
		return true
	}
	return equal(wanted, live)
}

// hasItems says whether a list that is merged by a key has all items that are wanted.
func hasItems(shared []string, wanted, live []any) bool {
	for _, item := range wanted {
		if !slices.ContainsFunc(live, func(candidate any) bool { return sameKey(item, candidate) && contains(shared, item, candidate) }) {
			return false
		}
	}
	return true
}

func sameKey(a, b any) bool {
	mapA, okA := a.(map[string]any)
	mapB, okB := b.(map[string]any)
	if !okA || !okB {
		return reflect.DeepEqual(a, b)
	}
	for _, key := range keys {
		if value, ok := mapA[key]; ok {
			return reflect.DeepEqual(value, mapB[key])
		}
	}
	return true
}

// equal compares two values that are no lists or maps. Quantities are equal in any notation.
func equal(wanted, live any) bool {
	if reflect.DeepEqual(wanted, live) {
		return true
	}
	a, okA := number(wanted)
	b, okB := number(live)
	if okA && okB {
		return a == b
	}
	textA, okA := wanted.(string)
	textB, okB := live.(string)
	if !okA || !okB {
		return false
	}
	quantityA, errA := resource.ParseQuantity(textA)
	quantityB, errB := resource.ParseQuantity(textB)
	return errA == nil && errB == nil && quantityA.Cmp(quantityB) == 0
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// isEmpty says whether a map has nothing but null, and such maps and lists.
func isEmpty(m map[string]any) bool {
	for _, value := range m {
		if !contains(nil, value, nil) {
			return false
		}
	}
	return true
}
