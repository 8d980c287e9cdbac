// An ordinary sarama client as a command, for test_other_languages.py:
//
//	client ADDRESS create TOPIC PARTITIONS
//	client ADDRESS list
//	client ADDRESS produce TOPIC CODEC          one record for each line of standard input
//	client ADDRESS consume GROUP TOPIC COUNT    one line for each record
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/IBM/sarama"
)

func main() {
	address, command, rest := []string{os.Args[1]}, os.Args[2], os.Args[3:]
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.Return.Successes = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	var err error
	switch command {
	case "create":
		err = create(address, config, rest[0], number(rest[1]))
	case "list":
		err = list(address, config)
	case "produce":
		err = produce(address, config, rest[0], rest[1])
	case "consume":
		err = consume(address, config, rest[0], rest[1], number(rest[2]))
	default:
		err = fmt.Errorf("unknown command %s", command)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func create(address []string, config *sarama.Config, topic string, partitions int) error {
	admin, err := sarama.NewClusterAdmin(address, config)
	if err != nil {
		return err
	}
	detail := &sarama.TopicDetail{NumPartitions: int32(partitions), ReplicationFactor: 1}
	return errors.Join(admin.CreateTopic(topic, detail, false), admin.Close())
}

func list(address []string, config *sarama.Config) error {
	admin, err := sarama.NewClusterAdmin(address, config)
	if err != nil {
		return err
	}
	topics, err := admin.ListTopics()
	for topic := range topics {
		fmt.Println(topic)
	}
	return errors.Join(err, admin.Close())
}

func produce(address []string, config *sarama.Config, topic, codec string) error {
	if err := config.Producer.Compression.UnmarshalText([]byte(codec)); err != nil {
		return err
	}
	producer, err := sarama.NewSyncProducer(address, config)
	if err != nil {
		return err
	}
	var messages []*sarama.ProducerMessage
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		messages = append(messages, &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(lines.Text())})
	}
	return errors.Join(lines.Err(), producer.SendMessages(messages), producer.Close())
}

func consume(address []string, config *sarama.Config, groupID, topic string, count int) error {
	group, err := sarama.NewConsumerGroup(address, groupID, config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	reader := &printer{left: count, done: cancel}
	for ctx.Err() == nil {
		if err = group.Consume(ctx, []string{topic}, reader); err != nil {
			break
		}
	}
	return errors.Join(err, group.Close())
}

// printer prints records of a topic with one partition, and says when it has printed enough.
type printer struct {
	left int
	done context.CancelFunc
}

func (*printer) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*printer) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (p *printer) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		fmt.Println(string(message.Value))
		session.MarkMessage(message, "")
		if p.left--; p.left == 0 {
			p.done()
			return nil
		}
	}
	return nil
}
