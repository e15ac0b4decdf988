package broker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// rabbitServer is where Debian has the server's own script. The one on the PATH changes to another user, whose files are not ours.
const rabbitServer = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// RabbitMQ is a node with its web_stomp plugin. Its user is guest, with the password guest.
type RabbitMQ struct {
	AMQP, WebSTOMP string // Addresses.
	programs
}

// HasRabbitMQ says whether the server is installed.
func HasRabbitMQ() bool {
	_, err := os.Stat(rabbitServer)
	return err == nil
}

// StartRabbitMQ starts a node and the port mapper that Erlang wants.
func StartRabbitMQ(ctx context.Context, dir string) (*RabbitMQ, error) {
	ports, err := freePorts(5)
	if err != nil {
		return nil, err
	}
	mapper, dist, amqp, stomp, web := ports[0], ports[1], ports[2], ports[3], ports[4]
	config := fmt.Sprintf(`listeners.tcp.local = %s
stomp.listeners.tcp.local = %s
web_stomp.tcp.ip = 127.0.0.1
web_stomp.tcp.port = %s
web_stomp.cowboy_opts.idle_timeout = 3600000
log.console = true
log.console.level = error
log.file = false
`, local(amqp), local(stomp), web)
	files := map[string]string{"rabbitmq.conf": config, "enabled_plugins": "[rabbitmq_web_stomp].\n", "env.conf": "", "advanced.config": "[].\n"}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, fmt.Errorf("configure RabbitMQ: %w", err)
		}
	}
	env := []string{
		"HOME=" + dir, "ERL_EPMD_PORT=" + mapper, "ERL_EPMD_ADDRESS=127.0.0.1", "RABBITMQ_NODENAME=moim@localhost", "RABBITMQ_DIST_PORT=" + dist,
		"RABBITMQ_CONF_ENV_FILE=" + filepath.Join(dir, "env.conf"), "RABBITMQ_CONFIG_FILE=" + filepath.Join(dir, "rabbitmq.conf"),
		"RABBITMQ_ADVANCED_CONFIG_FILE=" + filepath.Join(dir, "advanced.config"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(dir, "enabled_plugins"),
		"RABBITMQ_BASE=" + dir, "RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "mnesia"), "RABBITMQ_LOG_BASE=" + filepath.Join(dir, "log"),
		"RABBITMQ_PID_FILE=" + filepath.Join(dir, "pid"), "RABBITMQ_GENERATED_CONFIG_DIR=" + filepath.Join(dir, "config"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
	}
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return nil, fmt.Errorf("configure RabbitMQ: %w", err)
	}
	defer output.Close()
	r := &RabbitMQ{AMQP: local(amqp), WebSTOMP: local(web)}
	for _, command := range [][]string{{"epmd", "-address", "127.0.0.1", "-port", mapper}, {rabbitServer}} {
		if err := r.start(dir, output, env, command...); err != nil {
			r.Stop()
			return nil, err
		}
	}
	if err := r.await(ctx, output, r.AMQP, r.WebSTOMP); err != nil {
		return nil, err
	}
	return r, nil
}
