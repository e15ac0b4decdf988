// Echo is the smallest program that the stack can run as a service.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if os.Getenv("ECHO_FAIL") != "" {
		log.Fatal("asked to fail: ", os.Getenv("ECHO_FAIL"))
	}
	ok := func(http.ResponseWriter, *http.Request) {}
	app := http.NewServeMux()
	app.HandleFunc("/healthz", ok)
	app.HandleFunc("/name", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s called by %s", os.Getenv("POD_NAME"), r.Header.Get("dapr-caller-app-id"))
	})
	admin := http.NewServeMux()
	admin.HandleFunc("/readyz", ok)

	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	go func() { log.Fatal(http.ListenAndServe(os.Getenv("MOIM_ADDR"), app)) }()
	go func() { log.Fatal(http.ListenAndServe(os.Getenv("MOIM_ADMIN_ADDR"), admin)) }()
	<-end
}
